{{- define "ledger.labels" -}}
app.kubernetes.io/name: ledger
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "ledger.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "ledger.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "ledger.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 10001
capabilities: {drop: [ALL]}
{{- end }}

{{- define "ledger.temporalEnvironment" -}}
- {name: TEMPORAL_ADDRESS, value: {{ .Values.temporal.address | quote }}}
- {name: TEMPORAL_NAMESPACE, value: {{ .Values.temporal.namespace | quote }}}
{{- if .Values.temporal.tls }}
- {name: TEMPORAL_TLS, value: "true"}
{{- end }}
- name: LEDGER_DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ .Values.secrets.databaseUrl.name | quote }}, key: {{ .Values.secrets.databaseUrl.key | quote }}}}
{{- range .Values.secrets.variables }}
- name: {{ .variable }}
  valueFrom: {secretKeyRef: {name: {{ .name | quote }}, key: {{ .key | quote }}}}
{{- end }}
{{- range $name, $value := .Values.worker.environment }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{- define "ledger.mounts" -}}
- {name: policy, mountPath: /etc/ledger/ledger.toml, subPath: ledger.toml, readOnly: true}
- {name: scratch, mountPath: /tmp}
{{- if .Values.secrets.tlsSecretName }}
- {name: tls, mountPath: /etc/ledger/tls, readOnly: true}
{{- end }}
{{- if .Values.worker.repositoriesClaim }}
- {name: repositories, mountPath: /srv/git, readOnly: true}
{{- end }}
{{- end }}

{{- define "ledger.volumes" -}}
- name: policy
  configMap: {name: {{ .Release.Name }}-ledger-policy}
- name: scratch
  emptyDir: {medium: Memory, sizeLimit: 64Mi}
{{- if .Values.secrets.tlsSecretName }}
- name: tls
  secret: {secretName: {{ .Values.secrets.tlsSecretName | quote }}, defaultMode: 0440}
{{- end }}
{{- if .Values.worker.repositoriesClaim }}
- name: repositories
  persistentVolumeClaim: {claimName: {{ .Values.worker.repositoriesClaim | quote }}, readOnly: true}
{{- end }}
{{- end }}

{{- define "ledger.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}
