{{ config(tags=['stock']) }}
select product_id, pieces from {{ source('shop', 'raw_stock') }}
