# The development environment: Swift, the libraries of scripts/setup.sh, Python. Sources are mounted, not copied:
#   docker build -t edit-r1-dev . && docker run --rm -it -v "$PWD":/edit-r1 -w /edit-r1 edit-r1-dev scripts/test.sh
FROM swift:6.2-bookworm

RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends git python3 python3-pip \
    && rm -rf /var/lib/apt/lists/*
COPY scripts/setup.sh /tmp/setup.sh
RUN /tmp/setup.sh && rm -rf /var/lib/apt/lists/* /tmp/setup.sh
# The Debian interpreter refuses to install packages without this; the container is an environment of its own.
ENV PIP_BREAK_SYSTEM_PACKAGES=1
# The tree that is mounted belongs to another user.
RUN git config --system --add safe.directory '*'
