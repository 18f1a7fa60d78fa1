vcl 4.1;

# Varnish in front of edge. It keeps what CDN-Cache-Control says, at most one copy per Accept
# class, and drops renditions by their Cache-Tag:
#   curl -X BAN -H 'X-Tag: original:sku/123.jpg' http://varnish:6081/

import std;

backend edge {
    .host = "127.0.0.1";
    .port = "8080";
    .first_byte_timeout = 60s;
    .probe = {
        .url = "/-/healthz";
        .interval = 1s;
        .timeout = 1s;
        .window = 3;
        .threshold = 2;
        .initial = 2;
    }
}

acl purgers {
    "localhost";
}

sub vcl_recv {
    if (req.method == "BAN") {
        if (client.ip !~ purgers) {
            return (synth(403, "Not allowed"));
        }
        # A tag is made of these alone; anything else could end the pattern or the expression.
        if (req.http.X-Tag !~ "^[A-Za-z0-9:/%._~-]+$") {
            return (synth(400, "No tag"));
        }
        if (std.ban("obj.http.x-edge-keys ~ ,\Q" + req.http.X-Tag + "\E,")) {
            return (synth(200, "Banned"));
        }
        return (synth(400, std.ban_error()));
    }
    # What operators ask, they ask edge itself; here it is closed, however it is spelt. What the
    # types of problems lead to stays open.
    if (req.url ~ "(?i)^(/|\\|\.|%2f|%5c|%2e)*(-|%2d)(/|\\|%2f|%5c|\?|$)" &&
        req.url !~ "^/-/problems/[a-z-]+$") {
        return (synth(404, "Not found"));
    }
    # Four classes instead of one copy for every browser's spelling. A weight of 0 is a no.
    if (req.http.Accept ~ "(?i)image/avif(?!\s*;\s*q=0(\.0*)?\s*(,|$))") {
        set req.http.Accept = "image/avif,image/webp";
    } else if (req.http.Accept ~ "(?i)image/webp(?!\s*;\s*q=0(\.0*)?\s*(,|$))") {
        set req.http.Accept = "image/webp";
    } else if (req.http.Accept && (req.http.Accept ~ "(?i)image/(avif|webp)" ||
        req.http.Accept !~ "(\*/|(?i)image/)\*(?!\s*;\s*q=0(\.0*)?\s*(,|$))")) {
        # It takes neither, not even of an original that is one.
        set req.http.Accept = "image/jpeg";
    } else {
        set req.http.Accept = "*/*";
    }
    unset req.http.Cookie;
    # While edge lives, an old copy is shown for a minute while a new one is fetched; when it is dead,
    # for as long as the copy is kept.
    if (std.healthy(req.backend_hint)) {
        set req.grace = 60s;
    }
}

sub vcl_backend_response {
    if (beresp.http.CDN-Cache-Control ~ "max-age=\d+") {
        set beresp.ttl = std.duration(
            regsub(beresp.http.CDN-Cache-Control, ".*max-age=(\d+).*", "\1s"), 60s);
    }
    # An error never takes the place of a picture that is there, old as it may be.
    if (beresp.status >= 500 && bereq.is_bgfetch) {
        return (abandon);
    }
    # As long as edge allows a picture to be shown when it cannot be asked (RFC 5861).
    if (beresp.http.CDN-Cache-Control ~ "stale-if-error=\d+") {
        set beresp.grace = std.duration(
            regsub(beresp.http.CDN-Cache-Control, ".*stale-if-error=(\d+).*", "\1s"), 10s);
    }
    # Kept past its time, so that a 304 from edge makes it fresh again without a body.
    set beresp.keep = 24h;
    # What stands in for a late picture, or was asked for by a URL that expires, goes on time: no
    # grace, no second life.
    if (beresp.http.CDN-Cache-Control ~ "must-revalidate" ||
        beresp.http.Cache-Control ~ "must-revalidate") {
        set beresp.grace = 0s;
        set beresp.keep = 0s;
    }
    set beresp.http.x-edge-keys = "," + beresp.http.Cache-Tag + ",";
}

sub vcl_deliver {
    set resp.http.X-Cache = "MISS";
    if (obj.hits > 0) {
        set resp.http.X-Cache = "HIT";
    }
    unset resp.http.x-edge-keys;
}
