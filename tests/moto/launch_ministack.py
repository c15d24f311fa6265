"""Starts MiniStack: the reads of AWS Backup, which moto lacks, and S3, whose Object Lock moto does not enforce. On loopback."""

import os
import sys

from parent import end_with_parent

# Read when the module is loaded. The defaults bind every address, and port 8883 besides.
os.environ.update(BIND_HOST="127.0.0.1", SERVICES="backup,s3", IOT_MTLS_ENABLED="0", SFTP_ENABLED="0", LOG_LEVEL="WARNING")
os.environ["GATEWAY_PORT"] = sys.argv.pop(1)

from ministack.app import main  # noqa: E402

end_with_parent()
main()
