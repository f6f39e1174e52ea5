{{/* Base of all names; room is left for the longest suffix. */}}
{{- define "parse.base" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "parse.server" -}}{{ include "parse.base" . }}-server{{- end -}}
{{- define "parse.mongodb" -}}{{ include "parse.base" . }}-mongodb{{- end -}}
{{- define "parse.secret" -}}
{{- default (printf "%s-credentials" .Release.Name) .Values.existingSecret -}}
{{- end -}}

{{- define "parse.tag" -}}{{ default .Chart.AppVersion .Values.image.tag }}{{- end -}}

{{/* A digest names the content and wins over the tag. Argument: image values, tag. */}}
{{- define "parse.imageRef" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .tag }}
{{- end -}}
{{- end -}}
{{- define "parse.image" -}}
{{- include "parse.imageRef" (dict "image" .Values.image "tag" (include "parse.tag" .)) -}}
{{- end -}}
{{- define "parse.mongodbImage" -}}
{{- include "parse.imageRef" (dict "image" .Values.mongodb.image "tag" .Values.mongodb.image.tag) -}}
{{- end -}}

{{/*
Labels come in three layers. Argument of each: root, component.
selector: what Kubernetes never lets change again.
stable:   selector plus constants; for PVC templates, which are immutable too.
pod:      stable plus the component's own version, so that a new server does not restart MongoDB.
object:   pod plus the chart's version, so that a new chart alone restarts nothing.
*/}}
{{- define "parse.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}
{{- define "parse.stableLabels" -}}
app: parseserver
{{ include "parse.selector" . }}
app.kubernetes.io/part-of: parse
{{- end -}}
{{- define "parse.podLabels" -}}
{{- $tag := ternary .root.Values.mongodb.image.tag (include "parse.tag" .root) (hasPrefix "mongodb" .component) -}}
{{ include "parse.stableLabels" . }}
app.kubernetes.io/version: {{ $tag | trunc 63 | trimAll "-._" | quote }}
{{- end -}}
{{- define "parse.labels" -}}
{{ include "parse.podLabels" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{/* Pod and container security of the "restricted" Pod Security Standard. */}}
{{- define "parse.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .runAsUser }}
runAsGroup: {{ .runAsGroup }}
fsGroup: {{ .fsGroup }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}
{{- define "parse.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* What both kinds of pod share. Argument: root, values (of the component). */}}
{{- define "parse.podPlacement" -}}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* One env entry from the credentials Secret. Argument: root, name, key. */}}
{{- define "parse.secretEnv" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ include "parse.secret" .root }}
      key: {{ .key }}
{{- end -}}

{{/*
host:port of every member. Without the namespace, so that a copy of the whole namespace
finds its own members and never those of the original.
*/}}
{{- define "parse.mongodbHosts" -}}
{{- $name := include "parse.mongodb" . -}}
{{- $hosts := list -}}
{{- range $i := until (int .Values.mongodb.replicaCount) -}}
{{- $hosts = append $hosts (printf "%s-%d.%s:27017" $name $i $name) -}}
{{- end -}}
{{- join "," $hosts -}}
{{- end -}}

{{- define "parse.publicUrl" -}}
{{- if .Values.parse.publicUrl -}}
{{ .Values.parse.publicUrl }}
{{- else if and .Values.ingress.enabled .Values.ingress.hosts -}}
{{ ternary "https" "http" (not (empty .Values.ingress.tls)) }}://{{ (first .Values.ingress.hosts).host }}{{ .Values.parse.mountPath }}
{{- else -}}
http://{{ include "parse.server" . }}:{{ .Values.service.port }}{{ .Values.parse.mountPath }}
{{- end -}}
{{- end -}}
