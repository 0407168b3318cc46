# shellcheck shell=bash
# shellcheck disable=SC2034 # used by the files beside this one
# What is installed that does not come from the distribution: pinned. Changing a line here changes what a run installs.

FAASD_VERSION=0.19.0 # the last under MIT; later ones (faasd CE) come with an EULA
FAAS_CLI_VERSION=0.18.12
OLLAMA_VERSION=0.30.11 # from 0.30 on the kernels for this processor are chosen at run time
DEFAULT_MODEL=mistral:7b-instruct-q4_0
GATEWAY_IMAGE=ghcr.io/openfaas/gateway:0.27.5
PROMETHEUS_IMAGE=docker.io/prom/prometheus:v2.49.1

PROGRAM=/opt/email-agent
CONFIG=/etc/email-agent
STATE=/var/lib/email-agent
BRIDGE=openfaas0
BRIDGE_ADDRESS=10.62.0.1
BRIDGE_NETWORK=10.62.0.0/16
FUNCTIONS="fetch-batch classify-rules classify-llm apply-actions"
