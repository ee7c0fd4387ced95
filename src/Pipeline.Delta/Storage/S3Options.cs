using Pipeline.Core;

namespace Pipeline.Delta.Storage;

/// <summary>When requests and answers carry a checksum beside their signature.</summary>
public enum S3Checksums
{
    /// <summary>Only where the operation demands it: what most S3-compatible stores understand.</summary>
    WhenRequired,

    /// <summary>Always: Amazon S3 checks every byte that is written.</summary>
    WhenSupported,
}

/// <summary>Who encrypts objects at rest.</summary>
public enum S3Encryption
{
    /// <summary>Whatever the bucket's default is.</summary>
    None,

    /// <summary>Amazon S3's own keys (SSE-S3, AES256).</summary>
    S3,

    /// <summary>A key in the Key Management Service (SSE-KMS).</summary>
    Kms,
}

/// <summary>A bucket and the prefix of a lake in it: <c>s3://bucket/some/prefix</c>.</summary>
public sealed record S3Location
{
    private const string Scheme = "s3://";

    private S3Location(string bucket, string prefix)
    {
        Bucket = bucket;
        Prefix = prefix;
    }

    public string Bucket { get; }

    /// <summary>Empty, or a path without slashes at its ends.</summary>
    public string Prefix { get; }

    public static bool IsS3(string location) => location.StartsWith(Scheme, StringComparison.Ordinal);

    /// <exception cref="PipelineException">The text names no bucket.</exception>
    public static S3Location Parse(string location)
    {
        var rest = IsS3(location) ? location[Scheme.Length..] : "";
        var slash = rest.IndexOf('/');
        var bucket = slash < 0 ? rest : rest[..slash];
        if (bucket.Length is < 3 or > 63 || !bucket.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '.'))
            throw new PipelineException(FaultKind.Invalid, $"Lake location {location}", "it is not the address of a bucket",
                "Write s3://BUCKET/PREFIX; a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens.");
        return new S3Location(bucket, slash < 0 ? "" : rest[slash..].Trim('/'));
    }

    /// <summary>The object key of a path below the location.</summary>
    public string Key(string path) => Prefix.Length == 0 ? path : $"{Prefix}/{path}";

    /// <summary>The path below the location of an object key.</summary>
    public string PathOf(string key) => Prefix.Length == 0 ? key : key[(Prefix.Length + 1)..];

    public override string ToString() => Prefix.Length == 0 ? $"{Scheme}{Bucket}" : $"{Scheme}{Bucket}/{Prefix}";
}

/// <summary>How a bucket is reached.</summary>
public sealed record S3Options
{
    /// <summary>Another service than Amazon's, e.g. <c>http://127.0.0.1:9000</c>; null: Amazon's in <see cref="Region"/>.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>Where the bucket is, and what requests are signed for.</summary>
    public string Region { get; init; } = "eu-central-1";

    /// <summary>The bucket in the path instead of the host name: for services without a name for each bucket.</summary>
    public bool PathStyle { get; init; }

    public S3Checksums Checksums { get; init; } = S3Checksums.WhenRequired;

    public S3Encryption Encryption { get; init; } = S3Encryption.None;

    /// <summary>Id, alias or ARN of the key for <see cref="S3Encryption.Kms"/>; empty: the account's default key for S3.</summary>
    public string KmsKey { get; init; } = "";

    /// <summary>How long one request may take, to the last byte of its answer.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How one request is tried again. Default: from 50 ms to 5 s, 8 attempts, 10 s. It bridges a hiccup; what takes longer is
    /// waited for above, where it is said.
    /// </summary>
    public RetryPolicy Retry { get; init; } = new()
    {
        BackoffMin = TimeSpan.FromMilliseconds(50), BackoffMax = TimeSpan.FromSeconds(5), AttemptsMax = 8, TimeMax = TimeSpan.FromSeconds(10),
    };

    /// <summary>
    /// Bytes of a multipart upload's parts, and the largest object that is written in one request. An upload holds two
    /// of them in memory. S3 takes at least 5 MiB, and 10,000 parts an object.
    /// </summary>
    public int PartBytes { get; init; } = 8 << 20;
}
