using System.Net;
using System.Xml;
using Amazon.Runtime;
using Pipeline.Core;

namespace Pipeline.Delta.Storage;

/// <summary>What a failed S3 request means for what to do next.</summary>
internal enum S3Fault
{
    /// <summary>412: the condition of a conditional write does not hold.</summary>
    PreconditionFailed,

    /// <summary>409: another conditional write of the same object was under way; nothing was done.</summary>
    Conflict,

    /// <summary>404 for the object (not for its bucket).</summary>
    NoSuchObject,

    /// <summary>416: the object ends before the range.</summary>
    NoSuchRange,

    /// <summary>Busy, broken or silent: the request may have been carried out.</summary>
    Transient,

    /// <summary>Trying again cannot help.</summary>
    Permanent,
}

/// <summary>Classifies and explains the errors of the S3 client.</summary>
internal static class S3Faults
{
    /// <summary>
    /// What is refused for good. Everything else may pass: a token that is renewed a moment later, a code of another store, a
    /// page of something on the way. An answer without a code (to HEAD) says no more than its status.
    /// </summary>
    private static readonly HashSet<string> RefusedCodes = new(StringComparer.Ordinal)
        { "", "AccessDenied", "AllAccessDisabled", "AccountProblem", "NotSignedUp", "InvalidAccessKeyId", "SignatureDoesNotMatch", "Forbidden", "Unauthorized", "RequestTimeTooSkewed" };

    /// <summary>Of credentials that last for an hour or so.</summary>
    private static readonly HashSet<string> ExpiredCodes = new(StringComparer.Ordinal) { "ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired" };

    /// <summary>What no other try of the same request will change.</summary>
    private static readonly HashSet<string> InvalidCodes = new(StringComparer.Ordinal)
    {
        "InvalidArgument", "InvalidBucketName", "InvalidDigest", "InvalidRequest", "InvalidStorageClass", "MalformedXML", "AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException",
        "MissingSecurityHeader", "KeyTooLongError", "UnsupportedArgument", "MethodNotAllowed", "EntityTooLarge", "QuotaExceeded", "RequestTimeTooSkewed", "KMS.NotFoundException", "KMS.DisabledException", "KMS.KMSInvalidStateException",
    };

    /// <summary>Null: not an error of the store, but the caller's cancellation or a fault of ours.</summary>
    public static S3Fault? Classify(Exception e, CancellationToken caller) => e switch
    {
        OperationCanceledException => caller.IsCancellationRequested ? null : S3Fault.Transient,
        AmazonServiceException service when service.StatusCode != default => ClassifyAnswer(service),
        CredentialsException credentials => credentials.AreNone ? S3Fault.Permanent : S3Fault.Transient,
        // Lost on its way, or spoilt: an answer whose checksum is wrong, which a write may have left behind it as well as a read.
        AmazonServiceException or AmazonClientException => S3Fault.Transient,
        HttpRequestException or IOException or TimeoutException => S3Fault.Transient,
        // The body of a success that is none of S3's: the client lets its parser's own errors through.
        XmlException or FormatException => S3Fault.Transient,
        _ => null,
    };

    /// <summary>
    /// Checks that a success has what a store's always has. A page of something on the way is a success as well: to believe it
    /// would be to count as written what nobody has, or as empty what was not listed.
    /// </summary>
    /// <param name="lacks">What it has not, if so.</param>
    /// <exception cref="AmazonClientException">It is transient: the request may have been carried out, or not.</exception>
    public static void Require(bool isThere, string lacks)
    {
        if (!isThere) throw new AmazonClientException($"the answer is none of a store: it has no {lacks}");
    }

    private static S3Fault ClassifyAnswer(AmazonServiceException e) => (e.StatusCode, e.ErrorCode) switch
    {
        (HttpStatusCode.PreconditionFailed, _) => S3Fault.PreconditionFailed,
        (HttpStatusCode.Conflict, "ConditionalRequestConflict" or "OperationAborted") => S3Fault.Conflict,
        (HttpStatusCode.NotFound, "NoSuchBucket") => S3Fault.Permanent,
        (HttpStatusCode.NotFound, _) => S3Fault.NoSuchObject,
        (HttpStatusCode.RequestedRangeNotSatisfiable, _) => S3Fault.NoSuchRange,
        (HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout, _) => S3Fault.Transient,
        (>= HttpStatusCode.InternalServerError, _) => S3Fault.Transient,
        (HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden, var code) when RefusedCodes.Contains(code ?? "") => S3Fault.Permanent,
        (>= HttpStatusCode.Ambiguous and < HttpStatusCode.BadRequest, _) => S3Fault.Permanent,
        (_, { } code) when InvalidCodes.Contains(code) => S3Fault.Permanent,
        // Also a success that could not be understood: the answer was cut off.
        _ => S3Fault.Transient,
    };

    /// <summary>The error for an operator.</summary>
    /// <param name="thing">The object, or the bucket.</param>
    /// <param name="verb">What was tried, as a participle.</param>
    /// <param name="location">The store: what is away when this passes.</param>
    public static PipelineException Explain(string thing, string verb, string location, S3Options options, Exception e)
    {
        var service = e as AmazonServiceException;
        PipelineException OfStore(FaultKind kind, string why, string nextStep) => new(kind, thing, why, nextStep, e) { Dependency = $"Lake {location}" };
        var words = e.Message.ReplaceLineEndings(" ").Trim().TrimEnd('.');
        if (e is CredentialsException { AreNone: true })
            return OfStore(FaultKind.NotAuthorised, $"it cannot be {verb}: this process has no AWS credentials: {words}", "Give it a role (instance profile, task role, web identity), a profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.");
        if (e is CredentialsException)
            return OfStore(FaultKind.Unreachable, $"it cannot be {verb}: the AWS credentials of this process cannot be had: {words}", "Check what gives them out: the instance's or container's metadata, the role that is assumed, the token's file.");
        var said = service is { ErrorCode.Length: > 0 } ? $"{service.ErrorCode}: {service.Message}" : e.Message;
        var cause = $"it cannot be {verb}: {said.ReplaceLineEndings(" ").TrimEnd('.')}";
        var where = options.Endpoint?.ToString() ?? $"S3 in {options.Region}";
        return (service?.StatusCode, service?.ErrorCode) switch
        {
            (HttpStatusCode.NotFound, "NoSuchBucket") when options.Endpoint is { AbsolutePath: not "/" } endpoint => OfStore(FaultKind.Invalid,
                $"the endpoint {endpoint} has a path, which is taken for a bucket", "Write lake.s3.endpoint without a path: the bucket stands in lake.location."),
            (HttpStatusCode.NotFound, "NoSuchBucket") => OfStore(FaultKind.Missing, "the bucket does not exist", "Create the bucket, or correct lake.location."),
            (HttpStatusCode.NotFound, _) => new PipelineException(FaultKind.Missing, thing, "it does not exist", "Restore it, or correct the path.", e),
            (_, "RequestTimeTooSkewed") => OfStore(FaultKind.Invalid, cause, "Set this machine's clock."),
            (_, "QuotaExceeded" or "EntityTooLarge") => OfStore(FaultKind.StorageFull, cause, "Free space in the bucket, or raise its quota."),
            (HttpStatusCode.Conflict, "ConditionalRequestConflict" or "OperationAborted") => new PipelineException(FaultKind.Unreachable, thing, cause, "Look for other writers of this object.", e),
            (HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden, var code) when RefusedCodes.Contains(code ?? "") => OfStore(FaultKind.NotAuthorised, cause,
                "Check the AWS credentials of this process and their rights: s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload, s3:ListBucket, s3:ListBucketMultipartUploads"
                + (options.Encryption == S3Encryption.Kms ? ", kms:GenerateDataKey, kms:Decrypt." : ".")),
            (HttpStatusCode.MovedPermanently or HttpStatusCode.TemporaryRedirect, _) => OfStore(FaultKind.Invalid, cause,
                $"The bucket is in another region than {options.Region}: correct lake.s3.region."),
            (_, { } code) when InvalidCodes.Contains(code) => OfStore(FaultKind.Invalid, cause, "Correct the settings under lake.s3."),
            (_, { } code) when ExpiredCodes.Contains(code) => OfStore(FaultKind.Unreachable, cause, "The AWS credentials of this process have run out: look after what renews them."),
            (>= HttpStatusCode.InternalServerError or HttpStatusCode.TooManyRequests, { Length: > 0 }) or (_, "SlowDown") => OfStore(FaultKind.Unreachable, cause, $"Look at the health of {where}, and at what else uses it."),
            (_, { Length: > 0 }) => OfStore(FaultKind.Unreachable, cause, $"Look up what {where} means by it, or what stands in front of it."),
            _ => OfStore(FaultKind.Unreachable, TlsFlaw.In(e) is { } flaw ? $"it cannot be {verb}: {flaw.Cause}" : cause, TlsFlaw.In(e)?.NextStep ?? $"Check the network path to {where}."),
        };
    }
}
