using System.Net;
using Pipeline.Core;

namespace Pipeline.Aws;

/// <summary>Classifies and explains what AWS refuses. Codes: docs.aws.amazon.com, "Common errors" of each service, and the services' models.</summary>
internal static class AwsFaults
{
    private static readonly HashSet<string> Throttling = new(StringComparer.Ordinal)
    {
        "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException", "TooManyRequestsException", "RequestLimitExceeded",
        "LimitExceededException", "BandwidthLimitExceeded", "SlowDown", "ProvisionedThroughputExceededException", "PriorRequestNotComplete", "TransactionInProgressException",
        "EC2ThrottledException",
    };

    /// <summary>EMR's <c>InternalServerError</c> comes as 400.</summary>
    private static readonly HashSet<string> Unsettling = new(StringComparer.Ordinal)
        { "InternalServerError", "InternalServerException", "InternalFailure", "InternalError", "ServiceUnavailable", "ServiceUnavailableException", "RequestTimeout", "RequestTimeoutException" };

    private static readonly HashSet<string> Expiring = new(StringComparer.Ordinal) { "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired" };

    private static readonly HashSet<string> Unsigning = new(StringComparer.Ordinal) { "RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture", "InvalidSignatureException", "SignatureDoesNotMatch" };

    private static readonly HashSet<string> Forbidding = new(StringComparer.Ordinal) { "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "OptInRequired" };

    private static readonly HashSet<string> Unknowing = new(StringComparer.Ordinal)
        { "UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "MissingAuthenticationToken", "MissingAuthenticationTokenException", "IncompleteSignature", "IncompleteSignatureException" };

    private static readonly HashSet<string> Invalid = new(StringComparer.Ordinal)
        { "ValidationException", "ValidationError", "InvalidRequestException", "ConflictException", "SerializationException", "InvalidAction", "UnknownOperationException", "InvalidParameterValue", "InvalidParameterCombination", "MissingParameter", "MalformedQueryString",
            "InvalidParameterValueException", "InvalidParameterCombinationException", "MissingRequiredParameterException" };

    public static AwsReaction React(AwsRefusal refusal) => refusal switch
    {
        { Code: { } code } when Throttling.Contains(code) => AwsReaction.Throttled,
        { Status: HttpStatusCode.TooManyRequests } => AwsReaction.Throttled,
        { Code: { } code } when Expiring.Contains(code) => AwsReaction.Expired,
        { Code: { } code } when Unsigning.Contains(code) => AwsReaction.Unsigned,
        { Code: { } code } when Unsettling.Contains(code) => AwsReaction.Unsettled,
        { Status: HttpStatusCode.RequestTimeout or >= HttpStatusCode.InternalServerError } => AwsReaction.Unsettled,
        _ => AwsReaction.Refused,
    };

    /// <param name="thing">What was asked for or changed.</param>
    /// <param name="address">Where it was sent.</param>
    public static PipelineException Explain(string thing, AwsService service, string operation, Uri address, AwsRefusal refusal)
    {
        var isOurs = refusal.Code is not null;
        var (kind, nextStep) = Classify(service, operation, refusal);
        var cause = isOurs ? $"{service.Title} refuses {operation}: {refusal.Message}" : $"{operation} is answered with {refusal.Message}, which is none of {service.Title}'s";
        // What is busy or away is the service, whatever was asked of it; what is refused is the thing.
        return new PipelineException(kind, thing, cause, nextStep, refusal) { Dependency = kind == FaultKind.Unreachable ? Dependency(service, address) : null };
    }

    public static string Dependency(AwsService service, Uri address) => $"{service.Title} at {address.Authority}";

    private static (FaultKind Kind, string NextStep) Classify(AwsService service, string operation, AwsRefusal refusal) => (React(refusal), refusal.Code) switch
    {
        (AwsReaction.Throttled, _) => (FaultKind.Unreachable, $"If it lasts, look who else calls {service.Title} in this account and region, or ask AWS for a higher rate."),
        (AwsReaction.Unsettled, _) => (FaultKind.Unreachable, $"If it lasts, look at the AWS Health dashboard for {service.Title} in this region."),
        (AwsReaction.Expired, _) => (FaultKind.NotAuthorised, "Renew the credentials of this process, or give it a role whose credentials renew themselves."),
        (AwsReaction.Unsigned, "RequestTimeTooSkewed" or "RequestExpired" or "RequestInTheFuture") => (FaultKind.NotAuthorised, "Set this machine's clock."),
        (AwsReaction.Unsigned, _) => (FaultKind.NotAuthorised, "Check the secret access key of this process's credentials, and the region that is configured."),
        (_, null) => (FaultKind.Unreachable, $"Look for a proxy, a firewall or another service at the address of {service.Title}."),
        (_, { } code) when Forbidding.Contains(code) => (FaultKind.NotAuthorised, $"Allow {service.Rights}:{operation} to the role or user of this process; for a call that passes a role on, iam:PassRole as well."),
        (_, { } code) when Unknowing.Contains(code) => (FaultKind.NotAuthorised, "Check the AWS credentials of this process: the key is not known, is inactive, or belongs to another partition."),
        // CloudWatch has a name of its own for it.
        (_, "ResourceNotFoundException" or "ResourceNotFound" or "DashboardNotFoundError") => (FaultKind.Missing, "Check the id, the region and the account."),
        (_, "ParameterNotFound" or "ParameterVersionNotFound") => (FaultKind.Missing, "Check the name, the region and the account."),
        (_, "InvalidRequestException") when refusal.Said.Contains("marked for deletion", StringComparison.Ordinal) => (FaultKind.Missing, "Restore the secret (aws secretsmanager restore-secret), or name another."),
        // The key that encrypts a secret is disabled, gone or another's.
        (_, "DecryptionFailure" or "InvalidKeyId" or "KMSAccessDeniedException" or "KMSDisabledException" or "KMSInvalidStateException") => (FaultKind.NotAuthorised, "Enable the key of KMS that encrypts it, and allow kms:Decrypt to the role or user of this process."),
        // EMR has no code of its own for a cluster or a step that is not there.
        (_, "InvalidRequestException" or "ValidationException") when refusal.Said.EndsWith("is not valid", StringComparison.Ordinal) || refusal.Said.EndsWith("does not exist", StringComparison.Ordinal) =>
            (FaultKind.Missing, "Check the id, the region and the account."),
        // Room that others use may become free.
        (_, "ServiceQuotaExceededException") => (FaultKind.Unreachable, "Wait for what runs to end, or raise the quota in Service Quotas."),
        (_, { } code) when Invalid.Contains(code) => (FaultKind.Invalid, $"Correct the settings that {operation} is made of."),
        // What is not known to be final may pass.
        _ => (FaultKind.Unreachable, "If it lasts, look the code up in AWS's documentation of this call."),
    };
}
