# A cache in front of an open gateway, that the gateway purges by tag (docs/edge.md, "Caches in front").
# Varnish 7 with varnish-modules (vmod xkey):
#   varnishd -a :6081 -f deploy/varnish.vcl -s malloc,256m
# and in the gateway:
#   cache_tags = true
#   cache_tag_header = "xkey"
#   [[purge]]
#   url = "http://varnish:6081/"
#   protocol = "purge"
vcl 4.1;

import xkey;

backend gateway {
    .host = "gateway";
    .port = "8000";
}

# Who may purge: the gateways.
acl purgers {
    "gateway";
}

sub vcl_recv {
    if (req.method == "PURGE") {
        if (client.ip !~ purgers) {
            return (synth(403, "Not a gateway"));
        }
        set req.http.X-Purged = xkey.purge(req.http.xkey);
        return (synth(202, "Purged " + req.http.X-Purged));
    }
    # Answers to callers who say who they are, are theirs alone. Authorization and cookies are passed by the built-in rules.
    if (req.http.X-API-Key || req.http.X-dbt-Token) {
        return (pass);
    }
    # Subscriptions over WebSockets, and answers that arrive in parts.
    if (req.http.Upgrade ~ "(?i)websocket" || req.http.Accept ~ "text/event-stream|multipart/mixed") {
        return (pipe);
    }
    # Probes and metrics are for operators.
    if (req.url ~ "^/(livez|readyz|metrics)") {
        return (synth(404));
    }
}

sub vcl_pipe {
    set bereq.http.Connection = req.http.Connection;
    set bereq.http.Upgrade = req.http.Upgrade;
}

sub vcl_backend_response {
    # The gateway says how long an answer is fresh. After that it is asked whether the answer has changed, by its ETag.
    set beresp.grace = 0s;
    set beresp.keep = 10m;
    if (beresp.http.Cache-Control ~ "(?i)(private|no-store|no-cache)") {
        set beresp.uncacheable = true;
        set beresp.ttl = 1s;
        return (deliver);
    }
}

sub vcl_deliver {
    set resp.http.X-Cache = "MISS";
    if (obj.hits > 0) {
        set resp.http.X-Cache = "HIT";
    }
    # Tags are for caches.
    unset resp.http.xkey;
}
