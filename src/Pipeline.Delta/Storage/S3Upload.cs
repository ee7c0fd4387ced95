using System.Buffers;
using Amazon.S3.Model;
using Pipeline.Core;

namespace Pipeline.Delta.Storage;

/// <summary>
/// An object written in parts: one is filled while the one before it is sent, so memory is two parts. A small object is
/// one plain PUT.
/// </summary>
internal sealed class S3Upload : ObjectUpload
{
    private readonly S3ObjectStore _store;
    private readonly string _path;
    private readonly List<PartETag> _parts = [];
    private readonly CancellationTokenSource _abandoned = new();
    private byte[] _filling;
    private int _filled;
    private long _size;
    private string? _uploadId;
    private Task _sending = Task.CompletedTask;
    private bool _isOver;

    public S3Upload(S3ObjectStore store, string path)
    {
        _store = store;
        _path = path;
        _filling = ArrayPool<byte>.Shared.Rent(store.Options.PartBytes);
        Content = new PartStream(this);
    }

    public override Stream Content { get; }

    private string Key => _store.Address.Key(_path);

    private string Bucket => _store.Address.Bucket;

    public override async ValueTask<long> CompleteAsync(CancellationToken cancellationToken)
    {
        if (_uploadId is null && _sending.IsCompletedSuccessfully)
        {
            await _store.PutAsync(_path, _filling.AsMemory(0, _filled), cancellationToken);
        }
        else
        {
            if (_filled > 0) await SendAsync();
            await _sending.WaitAsync(cancellationToken);
            await CompletePartsAsync(cancellationToken);
        }

        _isOver = true;
        return _size;
    }

    public override async ValueTask DisposeAsync()
    {
        if (_filling.Length == 0) return;
        await _abandoned.CancelAsync();
        // The part on its way ends before its upload is aborted: S3 may keep one that comes later.
        var unsent = await Background.FailureAsync(async _ => await _sending, _abandoned.Token);
        var unaborted = _isOver || _uploadId is null ? null : await Background.FailureAsync(async _ => await AbortAsync(), _abandoned.Token);
        _abandoned.Dispose();
        ArrayPool<byte>.Shared.Return(_filling);
        _filling = [];
        // Nobody sees the parts of an upload; vacuum removes those that could not be aborted here. A defect is no such thing.
        Background.ThrowIfAny(unsent is PipelineException ? null : unsent, unaborted is PipelineException ? null : unaborted);
    }

    /// <summary>Hands the full part over to be sent, after the one before it.</summary>
    private async Task SendAsync()
    {
        await _sending;
        var (part, bytes) = (_filling, _filled);
        (_filling, _filled) = (ArrayPool<byte>.Shared.Rent(_store.Options.PartBytes), 0);
        _sending = SendPartAsync(part, bytes, _parts.Count + 1);
    }

    private async Task SendPartAsync(byte[] part, int bytes, int number)
    {
        try
        {
            _uploadId ??= await BeginAsync();
            var etag = await _store.Attempts.RunAsync(_store.Name(_path), "written", async attempt =>
            {
                using var content = new MemoryStream(part, 0, bytes, writable: false);
                var sent = await _store.Client.UploadPartAsync(new UploadPartRequest
                {
                    BucketName = Bucket,
                    Key = Key,
                    UploadId = _uploadId,
                    PartNumber = number,
                    PartSize = bytes,
                    InputStream = content,
                    UseChunkEncoding = false,
                }, attempt);
                S3Faults.Require(sent.ETag is { Length: > 0 }, "ETag");
                return sent.ETag;
            }, S3ObjectStore.None<string>, _abandoned.Token);
            _parts.Add(new PartETag(number, etag));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(part);
        }
    }

    private async Task<string> BeginAsync()
    {
        var request = new InitiateMultipartUploadRequest { BucketName = Bucket, Key = Key };
        if (_store.Options.Encryption != S3Encryption.None) request.ServerSideEncryptionMethod = _store.EncryptionMethod;
        if (_store.KmsKeyId is { } key) request.ServerSideEncryptionKeyManagementServiceKeyId = key;
        return await _store.Attempts.RunAsync(_store.Name(_path), "written", async attempt =>
        {
            var begun = await _store.Client.InitiateMultipartUploadAsync(request, attempt);
            S3Faults.Require(begun.UploadId is { Length: > 0 }, "UploadId");
            return begun.UploadId;
        }, S3ObjectStore.None<string>, _abandoned.Token);
    }

    private async Task CompletePartsAsync(CancellationToken cancellationToken)
    {
        var isCertain = await _store.Attempts.RunAsync(_store.Name(_path), "written", async attempt =>
        {
            var completed = await _store.Client.CompleteMultipartUploadAsync(new CompleteMultipartUploadRequest { BucketName = Bucket, Key = Key, UploadId = _uploadId, PartETags = _parts }, attempt);
            S3Faults.Require(completed.ETag is { Length: > 0 }, "ETag");
            return true;
        }, fault => fault == S3Fault.NoSuchObject ? new(false) : null, cancellationToken);
        if (isCertain) return;

        // The upload is not known (any more): an attempt whose answer was lost has completed it, or somebody aborted it.
        if ((await _store.TryStatAsync(_path, cancellationToken))?.Size != _size)
            throw new PipelineException(FaultKind.Unreachable, _store.Name(_path), "its upload was aborted by somebody else",
                "Check the bucket's rule for incomplete uploads.");
    }

    private async Task AbortAsync() => await _store.AbandonAsync(new UnfinishedUpload(_path, _uploadId!, _size, default), CancellationToken.None);

    private sealed class PartStream(S3Upload upload) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => upload._size;

        public override long Position
        {
            get => upload._size;
            set => throw new NotSupportedException();
        }

        /// <summary>Blocks while the part before is being sent: that is the backpressure of a synchronous writer.</summary>
        public override void Write(ReadOnlySpan<byte> buffer)
        {
            while (buffer.Length > 0)
            {
                if (Room == 0) upload.SendAsync().GetAwaiter().GetResult();
                var taken = buffer[..Math.Min(Room, buffer.Length)];
                taken.CopyTo(upload._filling.AsSpan(upload._filled));
                upload._filled += taken.Length;
                upload._size += taken.Length;
                buffer = buffer[taken.Length..];
            }
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            while (buffer.Length > 0)
            {
                if (Room == 0) await upload.SendAsync().WaitAsync(cancellationToken);
                var taken = buffer[..Math.Min(Room, buffer.Length)];
                taken.Span.CopyTo(upload._filling.AsSpan(upload._filled));
                upload._filled += taken.Length;
                upload._size += taken.Length;
                buffer = buffer[taken.Length..];
            }
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override void Flush()
        {
        }

        public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        private int Room => upload._store.Options.PartBytes - upload._filled;
    }
}
