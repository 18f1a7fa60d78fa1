{{/*
What the schema cannot say: values that do not fit together. Each refusal names the value and what to do.
`helm lint` passes over `fail` and `required`; a template that does not exist stops it as well, and is named.
*/}}
{{- define "edge.check" -}}
{{- $v := .Values -}}
{{- $given := concat (keys $v.settings) $v.secrets.keys -}}
{{- if and (or $v.secrets.keys $v.secrets.files $v.secrets.externalSecret.enabled) (not $v.secrets.name) -}}
{{- include "secrets.name is empty: it must name the Secret that has secrets.keys and secrets.files" . -}}
{{- end -}}
{{- if and $v.secrets.externalSecret.enabled (not $v.secrets.externalSecret.storeName) -}}
{{- include "secrets.externalSecret.storeName is empty: it must name a SecretStore or ClusterSecretStore" . -}}
{{- end -}}
{{- range $name, $value := $v.settings -}}
{{- if regexMatch "://[^/]*@" (toString $value) -}}
{{- include (printf "settings.%s has credentials in its URL: put it into the Secret secrets.name and its name into secrets.keys" $name) . -}}
{{- end -}}
{{- if has $name $v.secrets.keys -}}
{{- include (printf "%s is given twice: in settings and in secrets.keys" $name) . -}}
{{- end -}}
{{- end -}}
{{- if hasPrefix "/" (toString (default "" $v.settings.EDGE_CACHE_STORE_URL)) -}}
{{- include "settings.EDGE_CACHE_STORE_URL is a folder: allowed is s3://bucket/prefix, for the root file system is read-only and pods come and go" . -}}
{{- end -}}
{{- if and (hasPrefix "/photos" (toString (default "" $v.settings.EDGE_ORIGIN_URL))) (not $v.photos) -}}
{{- include "settings.EDGE_ORIGIN_URL is under /photos: photos must name the volume that is mounted there" . -}}
{{- end -}}
{{- if and (eq (toString (default "0" $v.settings.EDGE_SIGNING_REQUIRED)) "true") (not (or (has "EDGE_SIGNING_KEYS" $v.secrets.keys) (has "EDGE_SIGNING_FILE" $v.secrets.files))) -}}
{{- include "settings.EDGE_SIGNING_REQUIRED is on: EDGE_SIGNING_KEYS must be in secrets.keys, or EDGE_SIGNING_FILE in secrets.files" . -}}
{{- end -}}
{{- if and $v.triton.enabled $v.triton.url -}}
{{- include "triton.url and triton.enabled: allowed is one of them, a Triton elsewhere or the chart's own" . -}}
{{- end -}}
{{- range (include "edge.tracks" . | fromJson).tracks -}}
{{- $at := ternary "models" "canary.models" (eq .name "main") -}}
{{- if and (eq .models.source "volume") (not .models.volume) -}}
{{- include (printf "%s.source is volume: %s.volume must be a volume source" $at $at) . -}}
{{- end -}}
{{- if and (eq .models.source "bucket") (not .models.bucket) -}}
{{- include (printf "%s.source is bucket: %s.bucket must be s3://bucket/prefix" $at $at) . -}}
{{- end -}}
{{- if and .models.fetch (ne .models.source "image") -}}
{{- include (printf "%s.fetch adds to the networks of the image: %s.source must be image" $at $at) . -}}
{{- end -}}
{{- end -}}
{{- if $v.networkPolicy.enabled -}}
{{- range $name, $at := dict "EDGE_S3_ENDPOINT_URL" "origins" "EDGE_CACHE_REDIS_URL" "redis" -}}
{{- $port := regexFind ":[0-9]+(/|$)" (toString (default "" (get $v.settings $name))) | trimPrefix ":" | trimSuffix "/" -}}
{{- $open := get $v.networkPolicy $at -}}
{{- $allowed := list -}}
{{- range $open.ports -}}{{- $allowed = append $allowed (toString .) -}}{{- end -}}
{{- if and $port (not (has $port $allowed)) -}}
{{- include (printf "settings.%s is on port %s, which networkPolicy.%s.ports does not let through: allowed is %s" $name $port $at (join ", " $allowed)) . -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $v.ingress.enabled (not $v.ingress.hosts) -}}
{{- include "ingress.hosts is empty: it must have the host names that lead to edge" . -}}
{{- end -}}
{{- if and $v.gateway.enabled (not (and $v.gateway.parents $v.gateway.hosts)) -}}
{{- include "gateway.parents and gateway.hosts: both must have an entry" . -}}
{{- end -}}
{{- if and $v.worker.enabled (not (has "EDGE_CACHE_REDIS_URL" $given)) -}}
{{- include "worker.enabled: EDGE_CACHE_REDIS_URL must be in settings or secrets.keys, for the queue is there" . -}}
{{- end -}}
{{- if and $v.worker.enabled (eq $v.worker.autoscaling.mode "keda") (not $v.worker.autoscaling.redisAddress) -}}
{{- include "worker.autoscaling.redisAddress is empty: it must be host:port of Redis" . -}}
{{- end -}}
{{- range $at, $scale := dict "autoscaling" $v.autoscaling "triton.autoscaling" $v.triton.autoscaling "worker.autoscaling" $v.worker.autoscaling -}}
{{- if gt (int $scale.minReplicas) (int $scale.maxReplicas) -}}
{{- include (printf "%s.minReplicas is %v: allowed is at most maxReplicas, %v" $at $scale.minReplicas $scale.maxReplicas) . -}}
{{- end -}}
{{- end -}}
{{- if and (eq (toString $v.rollingUpdate.maxSurge) "0") (eq (toString $v.rollingUpdate.maxUnavailable) "0") -}}
{{- include "rollingUpdate: maxSurge or maxUnavailable must be above 0" . -}}
{{- end -}}
{{- end }}
