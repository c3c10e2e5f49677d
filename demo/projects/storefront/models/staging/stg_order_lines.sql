select line_id, order_id, product_id, pieces, pieces * price_cents / 100.0 as amount from {{ source('shop', 'raw_order_lines') }}
