{{/* What scalers, alerts and recorded rules ask Prometheus for. Labels are those that the monitors add. */}}

{{- define "edge.series" -}}
namespace="{{ .root.Release.Namespace }}",app_kubernetes_io_instance="{{ .root.Release.Name }}",app_kubernetes_io_component="{{ .component }}"
{{- end }}

{{/*
Renders that wait for admission at the main replicas. Where the networks run on Triton, those that wait
for one are Triton's to help.
*/}}
{{- define "edge.admissionWaiting" -}}
{{- $costs := ternary "classical" "classical|network" (ne (include "edge.onTriton" .) "") -}}
sum(edge_admission_waiting{ {{- include "edge.series" (dict "root" . "component" "server") }},edge_track="main",cost=~"{{ $costs }}"})
{{- end }}

{{- define "edge.onTriton" -}}
{{- if or .Values.triton.enabled .Values.triton.url }}yes{{ end -}}
{{- end }}

{{/* Mean milliseconds that a run of a network waited in Triton's queues; 0 while nothing runs. */}}
{{- define "edge.tritonQueue" -}}
{{- $series := printf "%s,edge_track=\"main\"" (include "edge.series" (dict "root" . "component" "triton")) -}}
(sum(rate(nv_inference_queue_duration_us{ {{- $series -}} }[1m])) / (sum(rate(nv_inference_exec_count{ {{- $series -}} }[1m])) > 0)) / 1000 or vector(0)
{{- end }}
