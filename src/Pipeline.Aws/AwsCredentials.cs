using Amazon.Runtime;
using Amazon.Runtime.CredentialManagement;
using Amazon.Runtime.Credentials;
using Pipeline.Core;

namespace Pipeline.Aws;

/// <summary>
/// Whom requests are signed for: what was given, or the first that the SDK's chain finds: environment, web identity, profile,
/// container, instance.
/// </summary>
internal sealed class AwsCredentials(AWSCredentials? given, AwsService service)
{
    private readonly DefaultAWSCredentialsIdentityResolver _chain = new();
    private volatile AWSCredentials? _last;

    /// <exception cref="PipelineException">There are none, or who gives them out does not answer.</exception>
    public async Task<ImmutableCredentials> GetAsync(string thing, CancellationToken cancellationToken)
    {
        try
        {
            var found = given ?? await _chain.ResolveIdentityAsync(null, cancellationToken);
            _last = found;
            return await found.GetCredentialsAsync().WaitAsync(cancellationToken);
        }
        // The SDK says in words only that there are none; a part of the chain that is not there is said as a wrong operation.
        catch (Exception e) when (e is InvalidOperationException or ProfileNotFoundException || (e is AmazonClientException && e.Message.StartsWith("Failed to resolve AWS credentials", StringComparison.Ordinal)))
        {
            throw new PipelineException(FaultKind.NotAuthorised, thing, $"this process has no AWS credentials: {OneLine(e)}",
                "Give it a role (instance profile, task role, web identity), a profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.", e);
        }
        catch (Exception e) when (e is AmazonServiceException or AmazonClientException or HttpRequestException or IOException)
        {
            throw new PipelineException(FaultKind.Unreachable, thing, $"the AWS credentials of this process cannot be had: {OneLine(e)}",
                "Check what gives them out: the instance's or container's metadata, the role that is assumed, the token's file.", e) { Dependency = $"AWS credentials for {service.Title}" };
        }
    }

    /// <summary>AWS has said that they have run out: those that can be had anew are, next time.</summary>
    public void Forget() => (_last as RefreshingAWSCredentials)?.ClearCredentials();

    /// <summary>A text without what must not be read by others.</summary>
    public static string Hide(string text, ImmutableCredentials credentials)
    {
        foreach (var secret in new[] { credentials.Token, credentials.SecretKey, credentials.AccessKey })
            if (!string.IsNullOrEmpty(secret)) text = text.Replace(secret, "***", StringComparison.Ordinal);
        return text;
    }

    private static string OneLine(Exception e) => e.Message.ReplaceLineEndings(" ").Trim().TrimEnd('.');
}
