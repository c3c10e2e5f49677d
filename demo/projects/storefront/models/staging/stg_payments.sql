select payment_id, order_id from {{ source('shop', 'raw_payments') }}
