using System.Net;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Pipeline.Core;

namespace Pipeline.Delta.Storage;

/// <summary>
/// A prefix of an S3 bucket as an object store. Needs a service that honours <c>If-None-Match: *</c> on PUT, as Amazon S3
/// does: one that ignores it would let writers overwrite each other's commits.
/// </summary>
public sealed class S3ObjectStore : IObjectStore, IDisposable
{
    private static readonly TimeSpan ConnectMax = TimeSpan.FromSeconds(5);

    private readonly S3Location _location;
    private readonly S3Options _options;
    private readonly AmazonS3Client _client;
    private readonly S3Attempts _attempts;

    /// <param name="credentials">Null: the process's own (environment, profile, role).</param>
    public S3ObjectStore(S3Location location, S3Options options, TimeProvider time, AWSCredentials? credentials = null)
    {
        _location = location;
        _options = options;
        _attempts = new S3Attempts(location.ToString(), options, time);
        // A machine that swallows packets is known to be away long before the time of a request is over.
        var connectTimeout = options.RequestTimeout < ConnectMax ? options.RequestTimeout : ConnectMax;
        var config = new AmazonS3Config
        {
            HttpClientFactory = new S3HttpClients(location.Bucket, connectTimeout),
            ForcePathStyle = options.PathStyle,
            RequestChecksumCalculation = options.Checksums == S3Checksums.WhenRequired
                ? RequestChecksumCalculation.WHEN_REQUIRED : RequestChecksumCalculation.WHEN_SUPPORTED,
            ResponseChecksumValidation = options.Checksums == S3Checksums.WhenRequired
                ? ResponseChecksumValidation.WHEN_REQUIRED : ResponseChecksumValidation.WHEN_SUPPORTED,
            // A conditional write that is repeated below us would meet itself: all repeating is ours.
            MaxErrorRetry = 0,
            MaxStaleConnectionRetries = 0,
            Timeout = Timeout.InfiniteTimeSpan,
            ConnectTimeout = connectTimeout,
        };
        if (options.Endpoint is { } endpoint)
        {
            config.ServiceURL = endpoint.ToString();
            config.AuthenticationRegion = options.Region;
        }
        else
        {
            config.RegionEndpoint = Amazon.RegionEndpoint.GetBySystemName(options.Region);
        }

        _client = new AmazonS3Client(new S3Credentials(credentials), config);
    }

    public string Location => _location.ToString();

    public string? LocalPath(string path) => null;

    internal S3Location Address => _location;

    internal S3Options Options => _options;

    internal AmazonS3Client Client => _client;

    internal S3Attempts Attempts => _attempts;

    internal string Name(string path) => $"Object {_location}/{path}";

    /// <remarks>Never repeated after an answer that may have been a success: that is <see cref="PutOutcome.Ambiguous"/>.</remarks>
    public async ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) =>
        await _attempts.RunAsync(Name(path), "written", async attempt =>
        {
            await PutOnceAsync(path, content, ifAbsent: true, attempt);
            return PutOutcome.Created;
        }, fault => fault switch
        {
            S3Fault.PreconditionFailed => new(PutOutcome.Exists),
            S3Fault.Transient => new(PutOutcome.Ambiguous),
            _ => null,
        }, cancellationToken);

    public async ValueTask PutAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) =>
        await _attempts.RunAsync(Name(path), "written", attempt => PutOnceAsync(path, content, ifAbsent: false, attempt), None<bool>, cancellationToken);

    public ValueTask<ObjectUpload> OpenUploadAsync(string path, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new(new S3Upload(this, path));
    }

    public ValueTask<byte[]?> TryGetAsync(string path, CancellationToken cancellationToken) =>
        _attempts.RunAsync<byte[]?>(Name(path), "read",
            async attempt => await GetOnceAsync(new GetObjectRequest { BucketName = _location.Bucket, Key = _location.Key(path) }, attempt),
            fault => fault == S3Fault.NoSuchObject ? new(null) : null, cancellationToken);

    public ValueTask<ObjectInfo?> TryStatAsync(string path, CancellationToken cancellationToken) =>
        _attempts.RunAsync<ObjectInfo?>(Name(path), "read", async attempt =>
        {
            var found = await HeadAsync(path, attempt);
            return new ObjectInfo(path, found.ContentLength, Time(found.LastModified));
        }, fault => fault == S3Fault.NoSuchObject ? new(null) : null, cancellationToken);

    /// <summary>A refused HEAD has no body, and so no reason, by which it is known whether it passes: the same question as a GET has one.</summary>
    private async Task<GetObjectMetadataResponse> HeadAsync(string path, CancellationToken attempt)
    {
        try
        {
            var found = await _client.GetObjectMetadataAsync(_location.Bucket, _location.Key(path), attempt);
            S3Faults.Require(found.ETag is { Length: > 0 }, "ETag");
            return found;
        }
        catch (AmazonS3Exception e) when (e.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
        {
            using var first = await _client.GetObjectAsync(new GetObjectRequest { BucketName = _location.Bucket, Key = _location.Key(path), ByteRange = new ByteRange(0, 0) }, attempt);
            throw;
        }
    }

    public async ValueTask<byte[]> GetRangeAsync(string path, long offset, int length, CancellationToken cancellationToken)
    {
        if (length == 0) return [];
        var content = await _attempts.RunAsync(Name(path), "read", attempt => GetOnceAsync(new GetObjectRequest
        {
            BucketName = _location.Bucket,
            Key = _location.Key(path),
            ByteRange = new ByteRange(offset, offset + length - 1),
        }, attempt), fault => fault == S3Fault.NoSuchRange ? new([]) : null, cancellationToken);
        if (content.Length == length) return content;
        throw new PipelineException(FaultKind.Damaged, Name(path),
            $"it ends before byte {offset + length - 1}, which was asked for", "Restore the object.");
    }

    public async IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, string? startAt, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var request = new ListObjectsV2Request
        {
            BucketName = _location.Bucket,
            Prefix = _location.Key(prefix),
            // S3 begins after a key. One that is shorter by a character comes before it, and few others in between.
            StartAfter = startAt is { Length: > 1 } ? _location.Key(startAt[..^1]) : null,
        };
        do
        {
            var page = await _attempts.RunAsync(Name(prefix), "listed", attempt => ListPageAsync(request, attempt), None<ListObjectsV2Response>, cancellationToken);
            foreach (var found in page.S3Objects ?? [])
            {
                var path = _location.PathOf(found.Key);
                if (startAt is not null && string.CompareOrdinal(path, startAt) < 0) continue;
                yield return new ObjectInfo(path, found.Size ?? 0, Time(found.LastModified));
            }

            request.ContinuationToken = page.IsTruncated == true ? page.NextContinuationToken : null;
        }
        while (request.ContinuationToken is not null);
    }

    public async ValueTask DeleteAsync(string path, CancellationToken cancellationToken) =>
        await _attempts.RunAsync(Name(path), "deleted", async attempt =>
        {
            await _client.DeleteObjectAsync(_location.Bucket, _location.Key(path), attempt);
            return true;
        }, fault => fault == S3Fault.NoSuchObject ? new(true) : null, cancellationToken);

    public async IAsyncEnumerable<UnfinishedUpload> ListUnfinishedAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var request = new ListMultipartUploadsRequest { BucketName = _location.Bucket, Prefix = _location.Key(prefix) };
        bool isMore;
        do
        {
            var page = await _attempts.RunAsync(Name(prefix), "listed", async attempt =>
            {
                var listed = await _client.ListMultipartUploadsAsync(request, attempt);
                S3Faults.Require(listed.IsTruncated is not null, "IsTruncated");
                S3Faults.Require(listed.IsTruncated == false || listed.NextKeyMarker is { Length: > 0 } && (listed.NextKeyMarker, listed.NextUploadIdMarker) != (request.KeyMarker, request.UploadIdMarker), "NextKeyMarker");
                return listed;
            }, None<ListMultipartUploadsResponse>, cancellationToken);
            foreach (var found in page.MultipartUploads ?? [])
                yield return new UnfinishedUpload(_location.PathOf(found.Key), found.UploadId, Size: 0, Time(found.Initiated));

            isMore = page.IsTruncated == true;
            (request.KeyMarker, request.UploadIdMarker) = (page.NextKeyMarker, page.NextUploadIdMarker);
        }
        while (isMore);
    }

    public async ValueTask AbandonAsync(UnfinishedUpload upload, CancellationToken cancellationToken) =>
        await _attempts.RunAsync(Name(upload.Path), "abandoned", async attempt =>
        {
            await _client.AbortMultipartUploadAsync(new AbortMultipartUploadRequest { BucketName = _location.Bucket, Key = _location.Key(upload.Path), UploadId = upload.Id }, attempt);
            return true;
        }, fault => fault == S3Fault.NoSuchObject ? new(true) : null, cancellationToken);

    public void Dispose() => _client.Dispose();

    internal static S3Attempts.Answer<T>? None<T>(S3Fault fault) => null;

    private async Task<ListObjectsV2Response> ListPageAsync(ListObjectsV2Request request, CancellationToken cancellationToken)
    {
        var page = await _client.ListObjectsV2Async(request, cancellationToken);
        S3Faults.Require(page.IsTruncated is not null, "IsTruncated");
        // One that ends before its end is no shorter one, and one that goes round has none.
        S3Faults.Require(page.IsTruncated == false || page.NextContinuationToken is { Length: > 0 } next && next != request.ContinuationToken, "NextContinuationToken");
        return page;
    }

    private async Task<bool> PutOnceAsync(string path, ReadOnlyMemory<byte> content, bool ifAbsent, CancellationToken cancellationToken)
    {
        using var stream = MemoryMarshal.TryGetArray(content, out var segment)
            ? new MemoryStream(segment.Array!, segment.Offset, segment.Count, writable: false)
            : new MemoryStream(content.ToArray(), writable: false);
        var request = new PutObjectRequest
        {
            BucketName = _location.Bucket,
            Key = _location.Key(path),
            InputStream = stream,
            AutoCloseStream = false,
            // Plain bodies are understood by every service; the payload's hash is signed either way.
            UseChunkEncoding = false,
        };
        if (ifAbsent) request.IfNoneMatch = "*";
        if (_options.Encryption != S3Encryption.None) request.ServerSideEncryptionMethod = EncryptionMethod;
        if (KmsKeyId is { } key) request.ServerSideEncryptionKeyManagementServiceKeyId = key;
        var written = await _client.PutObjectAsync(request, cancellationToken);
        S3Faults.Require(written.ETag is { Length: > 0 }, "ETag");
        return true;
    }

    internal ServerSideEncryptionMethod EncryptionMethod => _options.Encryption switch
    {
        S3Encryption.S3 => ServerSideEncryptionMethod.AES256,
        S3Encryption.Kms => ServerSideEncryptionMethod.AWSKMS,
        _ => ServerSideEncryptionMethod.None,
    };

    internal string? KmsKeyId => _options.Encryption == S3Encryption.Kms && _options.KmsKey.Length > 0 ? _options.KmsKey : null;

    private async Task<byte[]> GetOnceAsync(GetObjectRequest request, CancellationToken cancellationToken)
    {
        using var response = await _client.GetObjectAsync(request, cancellationToken);
        S3Faults.Require(response.ETag is { Length: > 0 }, "ETag");
        var content = new byte[response.ContentLength];
        await response.ResponseStream.ReadExactlyAsync(content, cancellationToken);
        // What was sent on in pieces does not say how long it is, and looks empty.
        S3Faults.Require(content.Length > 0 || await response.ResponseStream.ReadAsync(new byte[1], cancellationToken) == 0, "Content-Length");
        return content;
    }

    private static DateTimeOffset Time(DateTime? modified) =>
        modified is { } time ? new DateTimeOffset(time.ToUniversalTime()) : DateTimeOffset.UnixEpoch;
}
