using System.Diagnostics.Metrics;
using Pipeline.Core.Metrics;

namespace Pipeline.Delta.Storage;

/// <summary>Counts the requests to a bucket, and the bytes of their bodies, by what each asks for: what S3 is paid for.</summary>
internal sealed class CountedRequests(string bucket, HttpMessageHandler transport) : DelegatingHandler(transport)
{
    private static readonly PipelineMeter Meter = new(Instruments.StorageMeter);
    private static readonly Counter<long> Requests = Meter.Counter(Instruments.S3Requests);
    private static readonly Counter<long> Sent = Meter.Counter(Instruments.S3Sent);
    private static readonly Counter<long> Received = Meter.Counter(Instruments.S3Received);

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var operation = OperationOf(request);
        Sent.Add(request.Content?.Headers.ContentLength ?? 0, Instruments.S3Sent.Tagged(bucket, operation));
        var outcome = "failed";
        try
        {
            var response = await base.SendAsync(request, cancellationToken);
            outcome = (int)response.StatusCode switch { < 400 => "succeeded", < 500 => "refused", _ => "failed" };
            response.Content = await CountedAsync(response.Content, operation, cancellationToken);
            return response;
        }
        finally
        {
            Requests.Add(1, Instruments.S3Requests.Tagged(bucket, operation, outcome));
        }
    }

    private async Task<StreamContent> CountedAsync(HttpContent content, string operation, CancellationToken cancellationToken)
    {
        var counted = new StreamContent(new CountedStream(await content.ReadAsStreamAsync(cancellationToken), bytes => Received.Add(bytes, Instruments.S3Received.Tagged(bucket, operation))));
        foreach (var (name, values) in content.Headers) counted.Headers.TryAddWithoutValidation(name, values);
        return counted;
    }

    /// <summary>As S3 calls it. One that no request of ours is for is what its method says.</summary>
    private static string OperationOf(HttpRequestMessage request)
    {
        var query = request.RequestUri?.Query ?? "";
        bool Has(string name) => query.Contains($"?{name}", StringComparison.Ordinal) || query.Contains($"&{name}", StringComparison.Ordinal);
        return request.Method.Method switch
        {
            "GET" when Has("list-type=") => "ListObjectsV2",
            "GET" when Has("uploads") => "ListMultipartUploads",
            "GET" => "GetObject",
            "HEAD" => "HeadObject",
            "PUT" when Has("partNumber=") => "UploadPart",
            "PUT" => "PutObject",
            "POST" when Has("uploads") => "CreateMultipartUpload",
            "POST" when Has("uploadId=") => "CompleteMultipartUpload",
            "DELETE" when Has("uploadId=") => "AbortMultipartUpload",
            "DELETE" => "DeleteObject",
            var other => other,
        };
    }

    /// <summary>Tells how many bytes were read of another, however far it was read.</summary>
    private sealed class CountedStream(Stream stream, Action<int> read) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count) => Counted(stream.Read(buffer, offset, count));

        public override int Read(Span<byte> buffer) => Counted(stream.Read(buffer));

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => Counted(await stream.ReadAsync(buffer, cancellationToken));

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing) stream.Dispose();
            base.Dispose(disposing);
        }

        private int Counted(int bytes)
        {
            if (bytes > 0) read(bytes);
            return bytes;
        }
    }
}
