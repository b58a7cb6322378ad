/* A small chart for profiles that add one of their own. */
#pragma once

static const char chart_hello_values[] =
        "greeting: hello\n"
        "replicas: 1\n";

static const char chart_hello_objects[] =
        "apiVersion: v1\n"
        "kind: ConfigMap\n"
        "metadata:\n"
        "  name: {{ .Release.Name }}\n"
        "  namespace: {{ .Release.Namespace }}\n"
        "data:\n"
        "  greeting: {{ .Values.greeting | quote }}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: Deployment\n"
        "metadata:\n"
        "  name: {{ .Release.Name }}\n"
        "  namespace: {{ .Release.Namespace }}\n"
        "spec:\n"
        "  replicas: {{ .Values.replicas }}\n"
        "  selector:\n"
        "    matchLabels:\n"
        "      app: {{ .Release.Name }}\n"
        "  template:\n"
        "    metadata:\n"
        "      labels:\n"
        "        app: {{ .Release.Name }}\n"
        "    spec:\n"
        "      containers:\n"
        "      - name: hello\n"
        "        image: registry.k8s.io/pause:3.10.1\n";
