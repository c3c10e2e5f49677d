select f.ordered_at::date as day, p.category, sum(l.amount) as amount
from {{ ref('fct_orders') }} f join {{ ref('stg_order_lines') }} l using (order_id) join {{ ref('stg_products') }} p using (product_id)
join {{ ref('categories') }} c using (category)
group by 1, 2
