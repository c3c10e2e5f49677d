{{ config(tags=['stock']) }}
select s.product_id, s.pieces, s.pieces < 5 as is_low from {{ ref('stg_stock') }} s
