{{/* Names, labels and images. */}}

{{- define "edge.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{/* At most 40 characters, so that every suffix of ours fits a DNS label. */}}
{{- define "edge.fullname" -}}
{{- $name := include "edge.name" . -}}
{{- $whole := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $whole .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{/* What selects pods: ($ component track). */}}
{{- define "edge.selector" -}}
app.kubernetes.io/name: {{ include "edge.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- with .track }}
edge/track: {{ . }}
{{- end }}
{{- end }}

{{- define "edge.labels" -}}
{{ include "edge.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: edge
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "edge.image" -}}
{{- $tag := default .default .image.tag -}}
{{- .image.repository }}{{ if .image.digest }}@{{ .image.digest }}{{ else }}:{{ $tag }}{{ end -}}
{{- end }}

{{- define "edge.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "edge.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{/* A value as an environment variable has it; YAML's numbers arrive as floats. */}}
{{- define "edge.text" -}}
{{- if and (kindIs "float64" .) (eq (float64 (int64 .)) .) -}}
{{- int64 . -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end }}

{{/* Whole processors of a quantity such as 2, "2" or 1500m, rounded up. */}}
{{- define "edge.cores" -}}
{{- $text := toString . -}}
{{- if hasSuffix "m" $text -}}
{{- divf (trimSuffix "m" $text | float64) 1000 | ceil | int -}}
{{- else -}}
{{- $text | float64 | ceil | int -}}
{{- end -}}
{{- end }}

{{/*
The two tracks as a map: main, and canary where it is on. Each has its image, networks, replicas, and
`revision`, eight digits that tell its networks from others.
*/}}
{{- define "edge.tracks" -}}
{{- $main := dict "name" "main" "suffix" "" "image" .Values.image "models" .Values.models "replicas" .Values.replicas "tritonReplicas" .Values.triton.replicas -}}
{{- $tracks := list $main -}}
{{- with .Values.canary -}}
{{- if .enabled -}}
{{- $image := merge (deepCopy .image) $.Values.image -}}
{{- if .image.tag }}{{- $image = merge (dict "digest" (default "" .image.digest)) (deepCopy $image) -}}{{- end -}}
{{- $models := merge (deepCopy .models) $.Values.models -}}
{{- $tracks = append $tracks (dict "name" "canary" "suffix" "-canary" "image" $image "models" $models "replicas" .replicas "tritonReplicas" .tritonReplicas) -}}
{{- end -}}
{{- end -}}
{{- range $tracks -}}
{{- $shown := dict "models" .models "image" .image "triton" $.Values.triton.image "version" $.Chart.AppVersion -}}
{{- $_ := set . "revision" (toJson $shown | sha256sum | trunc 8) -}}
{{- end -}}
{{- dict "tracks" $tracks | toJson -}}
{{- end }}

{{/* The Service of a track's Triton: another one for other networks, so that no edge asks the wrong one. */}}
{{- define "edge.tritonService" -}}
{{- printf "%s-triton-%s" (include "edge.fullname" .root) .track.revision -}}
{{- end }}

{{/* Where edge finds Triton; empty: the networks run in edge. */}}
{{- define "edge.tritonUrl" -}}
{{- if .root.Values.triton.enabled -}}
grpc://{{ include "edge.tritonService" . }}.{{ .root.Release.Namespace }}.svc:8001
{{- else -}}
{{- .root.Values.triton.url -}}
{{- end -}}
{{- end }}

{{- define "edge.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "edge.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* Over nodes and zones: (root component track). */}}
{{- define "edge.spread" -}}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: {{ $.root.Values.topologySpread }}
  # Nodes where these pods may not run, such as tainted ones with a GPU, are no empty places.
  nodeTaintsPolicy: Honor
  labelSelector:
    matchLabels: {{- include "edge.selector" $ | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}
