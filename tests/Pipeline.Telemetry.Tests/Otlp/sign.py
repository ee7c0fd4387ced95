"""Reads a request from a file of JSON and says the signature that botocore makes for it."""
import base64
import http.client
import json
import sys

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

with open(sys.argv[1]) as file:
    given = json.load(file)


class Signer(SigV4Auth):
    def headers_to_sign(self, request):
        headers = http.client.HTTPMessage()
        for name in given['signed']:
            headers[name] = given['headers'][name]
        return headers


signer = Signer(Credentials(given['key'], given['secret']), given['service'], given['region'])
request = AWSRequest('POST', 'http://' + given['headers']['host'] + given['path'], data=base64.b64decode(given['body']), headers={})
request.context['timestamp'] = given['headers']['x-amz-date']
print(signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request))
