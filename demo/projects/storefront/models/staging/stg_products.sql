select product_id, name, category from {{ source('shop', 'raw_products') }}
