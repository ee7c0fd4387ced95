using Amazon.Runtime;
using Pipeline.Core;

namespace Pipeline.Aws.Secrets;

/// <summary>Parameters of AWS Systems Manager's Parameter Store. Each call is tried again as <see cref="AwsSettings.Retry"/> says.</summary>
public sealed class ParameterStoreClient : IDisposable
{
    private readonly AwsCall _call;

    /// <param name="credentials">Null: those that the SDK's chain finds: environment, web identity, profile, container, instance.</param>
    /// <param name="transport">What carries requests, not disposed of here; null: the network.</param>
    public ParameterStoreClient(AwsSettings settings, TimeProvider time, AWSCredentials? credentials = null, HttpMessageHandler? transport = null) =>
        _call = new AwsCall(AwsService.ParameterStore, settings, time, credentials, transport);

    /// <summary>The value of a parameter, decrypted.</summary>
    /// <param name="thing">Who wants it, for errors.</param>
    /// <param name="name">Its name or ARN; <c>NAME:VERSION</c> or <c>NAME:LABEL</c> is not the newest one.</param>
    /// <exception cref="PipelineException">It is not there, is refused, or the Parameter Store is away.</exception>
    public async Task<string> ValueAsync(string thing, string name, CancellationToken cancellationToken)
    {
        var request = AwsRequest.Json11(thing, "AmazonSSM", "GetParameter", new SecretsWire.ParameterRequest(name, WithDecryption: true));
        return (await _call.RepeatableAsync<SecretsWire.ParameterAnswer>(request, cancellationToken, answer => answer.Parameter?.Value is not null)).Parameter!.Value!;
    }

    public void Dispose() => _call.Dispose();
}
