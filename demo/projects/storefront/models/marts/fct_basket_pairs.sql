with bought as (select l.order_id, o.customer_id, l.product_id from {{ ref('stg_order_lines') }} l join {{ ref('stg_orders') }} o using (order_id))
select a.product_id, b.product_id as bought_with, count(distinct a.customer_id) as customers
from bought a join bought b on b.order_id = a.order_id and b.product_id <> a.product_id
group by 1, 2
