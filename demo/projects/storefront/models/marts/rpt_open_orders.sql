select o.order_id, o.customer_id, o.ordered_at, p.payment_id
from {{ ref('stg_orders') }} o left join {{ ref('stg_payments') }} p using (order_id)
