{{ config(materialized='incremental', unique_key='order_id') }}
select o.order_id, o.customer_id, o.ordered_at, sum(l.amount) as amount
from {{ ref('stg_orders') }} o join {{ ref('stg_order_lines') }} l using (order_id)
{% if is_incremental() %}where o.ordered_at >= (select max(ordered_at) - interval 2 day from {{ this }}){% endif %}
group by 1, 2, 3
