using System.Text;
using Amazon.Runtime;
using Pipeline.Core;

namespace Pipeline.Aws.Secrets;

/// <summary>Secrets of AWS Secrets Manager. Each call is tried again as <see cref="AwsSettings.Retry"/> says.</summary>
public sealed class SecretsManagerClient : IDisposable
{
    private readonly AwsCall _call;

    /// <param name="credentials">Null: those that the SDK's chain finds: environment, web identity, profile, container, instance.</param>
    /// <param name="transport">What carries requests, not disposed of here; null: the network.</param>
    public SecretsManagerClient(AwsSettings settings, TimeProvider time, AWSCredentials? credentials = null, HttpMessageHandler? transport = null) =>
        _call = new AwsCall(AwsService.SecretsManager, settings, time, credentials, transport);

    /// <summary>The current value of a secret; one that is kept as bytes is UTF-8.</summary>
    /// <param name="thing">Who wants it, for errors.</param>
    /// <param name="id">Its name or ARN.</param>
    /// <exception cref="PipelineException">It is not there, is refused, or Secrets Manager is away.</exception>
    public async Task<string> ValueAsync(string thing, string id, CancellationToken cancellationToken)
    {
        var request = AwsRequest.Json11(thing, "secretsmanager", "GetSecretValue", new SecretsWire.SecretValueRequest(id));
        var answer = await _call.RepeatableAsync<SecretsWire.SecretValue>(request, cancellationToken, answer => (answer.SecretString ?? (object?)answer.SecretBinary) is not null);
        return answer.SecretString ?? Encoding.UTF8.GetString(answer.SecretBinary!);
    }

    public void Dispose() => _call.Dispose();
}
