{{/* The pod of edge, as a server and as a worker: (root component track cores). */}}

{{- define "edge.env" -}}
{{- $v := .root.Values -}}
{{- $server := eq .component "server" -}}
{{- $env := dict -}}
{{- range $name, $value := $v.env }}{{- $_ := set $env $name (include "edge.text" $value) -}}{{- end -}}
{{- range $name, $value := $v.settings }}{{- $_ := set $env $name (include "edge.text" $value) -}}{{- end -}}
{{- $_ := set $env "EDGE_SERVER_THREADS" .cores -}}
{{- $_ := set $env "EDGE_MODELS_THREADS" .cores -}}
{{- $_ := set $env "EDGE_DECODE_WORKERS" .cores -}}
{{- $_ := set $env "EDGE_SERVER_HOST" "0.0.0.0" -}}
{{- if $server -}}
{{- $_ := set $env "EDGE_SERVER_PORT" "8080" -}}
{{- $_ := set $env "EDGE_SERVER_ADMIN_PORT" "8081" -}}
{{- $_ := set $env "EDGE_SERVER_SHUTDOWN_DELAY" (include "edge.text" $v.shutdown.delaySeconds) -}}
{{- $_ := set $env "EDGE_SERVER_DRAIN" (include "edge.text" $v.shutdown.drainSeconds) -}}
{{- else -}}
{{- $_ := set $env "EDGE_SERVER_DRAIN" (include "edge.text" $v.worker.drainSeconds) -}}
{{- end -}}
{{- if $v.presets -}}{{- $_ := set $env "EDGE_PRESETS_FILE" "/etc/edge/presets/presets.toml" -}}{{- end -}}
{{- range $v.secrets.files -}}{{- $_ := set $env . (printf "/etc/edge/secrets/%s" .) -}}{{- end -}}
{{- with include "edge.tritonUrl" . }}{{- $_ := set $env "EDGE_TRITON_URL" . -}}{{- end -}}
{{- if include "edge.modelsMounted" .track -}}{{- $_ := set $env "EDGE_MODELS_FOLDER" "/models" -}}{{- end -}}
{{- $_ := set $env "HOME" "/tmp" -}}
{{- range $name, $value := $env }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- range $v.secrets.keys }}
- name: {{ . }}
  valueFrom: {secretKeyRef: {name: {{ $v.secrets.name }}, key: {{ . }}}}
{{- end }}
{{- end }}

{{/* Whether a track's networks lie in a volume rather than in the image. */}}
{{- define "edge.modelsMounted" -}}
{{- if or (ne .models.source "image") .models.fetch }}yes{{ end -}}
{{- end }}

{{- define "edge.mounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: shm, mountPath: /dev/shm}
{{- if .root.Values.presets }}
- {name: presets, mountPath: /etc/edge/presets, readOnly: true}
{{- end }}
{{- if .root.Values.secrets.files }}
- {name: secrets, mountPath: /etc/edge/secrets, readOnly: true}
{{- end }}
{{- if .root.Values.photos }}
- {name: photos, mountPath: /photos, readOnly: true}
{{- end }}
{{- if include "edge.modelsMounted" .track }}
- {name: models, mountPath: /models, readOnly: true}
{{- end }}
{{- end }}

{{- define "edge.volumes" -}}
- {name: tmp, emptyDir: {medium: Memory, sizeLimit: {{ .root.Values.scratch.tmp }}}}
- {name: shm, emptyDir: {medium: Memory, sizeLimit: {{ .root.Values.scratch.shm }}}}
{{- if .root.Values.presets }}
- {name: presets, configMap: {name: {{ include "edge.fullname" .root }}-presets}}
{{- end }}
{{- with .root.Values.secrets }}
{{- if .files }}
- name: secrets
  secret:
    secretName: {{ .name }}
    defaultMode: 0440
    items:
      {{- range .files }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
{{- end }}
{{- end }}
{{- with .root.Values.photos }}
- name: photos
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- include "edge.modelsVolume" . }}
{{- end }}

{{- define "edge.modelsVolume" -}}
{{- if eq .track.models.source "volume" }}
- name: models
  {{- toYaml .track.models.volume | nindent 2 }}
{{- else if include "edge.modelsMounted" .track }}
- {name: models, emptyDir: {sizeLimit: 4Gi}}
{{- end }}
{{- end }}

{{/* Fills the models' volume, where it is an empty one: (root track). */}}
{{- define "edge.modelsInit" -}}
{{- if eq .track.models.source "bucket" }}
- name: models
  image: {{ .track.models.bucketImage }}
  imagePullPolicy: IfNotPresent
  command: [aws, s3, sync, --no-progress, {{ .track.models.bucket | quote }}, /models]
  env:
    - {name: HOME, value: /tmp}
    {{- range $name, $value := .root.Values.env }}
    - {name: {{ $name }}, value: {{ include "edge.text" $value | quote }}}
    {{- end }}
    {{- with .root.Values.settings.EDGE_S3_ENDPOINT_URL }}
    - {name: AWS_ENDPOINT_URL_S3, value: {{ . | quote }}}
    {{- end }}
    {{- range .root.Values.secrets.keys }}
    {{- if hasPrefix "AWS_" . }}
    - name: {{ . }}
      valueFrom: {secretKeyRef: {name: {{ $.root.Values.secrets.name }}, key: {{ . }}}}
    {{- end }}
    {{- end }}
  {{- include "edge.modelsInitRest" . | nindent 2 }}
{{- else if eq .track.models.source "image" }}
{{- if or .track.models.fetch .copy }}
- name: models
  image: {{ include "edge.image" (dict "image" .track.image "default" .root.Chart.AppVersion) }}
  imagePullPolicy: {{ .track.image.pullPolicy }}
  command: [sh, -ec]
  args:
    - |
      cp -r /app/networks/. /models
      {{- with .track.models.fetch }}
      edge models fetch {{ join " " . }} --models /models --replace
      {{- end }}
  env:
    - {name: HOME, value: /tmp}
  {{- include "edge.modelsInitRest" . | nindent 2 }}
    # Where files are kept before they become networks.
    - {name: tmp, mountPath: /downloads, subPath: downloads}
{{- end }}
{{- end }}
{{- end }}

{{- define "edge.modelsInitRest" -}}
securityContext: {{- include "edge.containerSecurity" .root | nindent 2 }}
resources:
  requests: {cpu: 500m, memory: 512Mi}
  limits: {memory: 2Gi}
volumeMounts:
  - {name: models, mountPath: /models}
  - {name: tmp, mountPath: /tmp}
{{- end }}

{{/* What pods of edge share around their container: (root component track). */}}
{{- define "edge.podRest" -}}
serviceAccountName: {{ include "edge.serviceAccountName" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext: {{- include "edge.podSecurity" .root | nindent 2 }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - {name: {{ . }}}
  {{- end }}
{{- end }}
{{- with .place.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .place.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .place.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .place.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints: {{- include "edge.spread" (dict "root" .root "component" .component "track" .track.name) | trim | nindent 2 }}
{{- end }}

{{/* Labels and annotations of a pod: (root component track). */}}
{{- define "edge.podMeta" -}}
labels:
  {{- include "edge.labels" (dict "root" .root "component" .component "track" .track.name) | nindent 2 }}
  edge/networks: {{ .track.revision | quote }}
  {{- with .root.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  kubectl.kubernetes.io/default-container: {{ ternary "edge" .component (eq .component "server") }}
  {{- if .root.Values.presets }}
  edge/presets: {{ sha256sum .root.Values.presets | trunc 16 | quote }}
  {{- end }}
  {{- with .root.Values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
