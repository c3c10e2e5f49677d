select p.product_id, p.name, r.bought_with, r.customers
from {{ ref('stg_products') }} p join {{ ref('fct_basket_pairs') }} r using (product_id)
qualify row_number() over (partition by p.product_id order by r.customers desc, r.bought_with) <= 3
