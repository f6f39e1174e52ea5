{{- define "onprem.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
{{- define "onprem.labels" -}}
{{ include "onprem.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}
{{/* Cluster-wide names hold the namespace, so that two installs do not share rights. */}}
{{- define "onprem.clusterName" -}}{{ .Release.Namespace }}-{{ .Release.Name }}{{- end -}}
{{- define "onprem.subject" -}}
- kind: ServiceAccount
  name: {{ .Release.Name }}
  namespace: {{ .Release.Namespace }}
{{- end -}}
