using System.Collections.Concurrent;
using System.Text.Json;
using Amazon.Runtime;
using Pipeline.Core;

namespace Pipeline.Aws.Secrets;

/// <summary>
/// Secrets of AWS: <c>secret:aws:NAME</c> of Secrets Manager, <c>secret:aws:NAME#MEMBER</c> of one that is a JSON object, <c>secret:ssm:NAME</c>
/// of the Parameter Store; names may be ARNs. A value is read again when it has its age. While AWS is away the last one that is known is used:
/// it is as good as it was, and who needs it does not wait for long.
/// </summary>
/// <param name="others">Knows all other references.</param>
/// <param name="credentials">Null: those that the SDK's chain finds.</param>
/// <param name="transport">What carries requests, not disposed of here; null: the network.</param>
public sealed class AwsSecretStore(ISecretStore others, AwsSecretSettings settings, TimeProvider time, AWSCredentials? credentials = null, HttpMessageHandler? transport = null) : ISecretStore, IDisposable
{
    private const string SecretPrefix = "secret:aws:";
    private const string ParameterPrefix = "secret:ssm:";
    private const string ArnPrefix = "arn:";

    private readonly ConcurrentDictionary<string, Kept> _kept = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, SecretsManagerClient> _secrets = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, ParameterStoreClient> _parameters = new(StringComparer.Ordinal);

    /// <summary>A member that is asked for apart is of the same value: <c>NAME#username</c> and <c>NAME#password</c> are read once, and belong together.</summary>
    public async ValueTask<string> RevealAsync(Secret secret, CancellationToken cancellationToken)
    {
        var reference = secret.Reference;
        if (!reference.StartsWith(SecretPrefix, StringComparison.Ordinal) && !reference.StartsWith(ParameterPrefix, StringComparison.Ordinal)) return await others.RevealAsync(secret, cancellationToken);
        var hash = reference.IndexOf('#');
        var (whole, member) = hash < 0 ? (reference, null) : (reference[..hash], reference[(hash + 1)..]);
        var value = await _kept.GetOrAdd(whole, _ => new Kept(settings.Refresh, time)).ReadAsync(cancel => AskAsync(whole, cancel), cancellationToken);
        return member is null ? value : MemberOf(value, reference, member);
    }

    public void Dispose()
    {
        foreach (var client in _secrets.Values) client.Dispose();
        foreach (var client in _parameters.Values) client.Dispose();
    }

    private Task<string> AskAsync(string reference, CancellationToken cancellationToken)
    {
        var name = reference[SecretPrefix.Length..];
        var thing = $"Secret {reference}";
        var region = RegionOf(name) ?? settings.Region
            ?? throw new PipelineException(FaultKind.Invalid, thing, "nobody says in which region it is", "Set pipeline.secrets.region, for a source by its URL AWS_REGION, or write its ARN.");
        return reference.StartsWith(SecretPrefix, StringComparison.Ordinal)
            ? _secrets.GetOrAdd(region, region => new SecretsManagerClient(Reached(region, settings.Endpoint), time, credentials, transport)).ValueAsync(thing, name, cancellationToken)
            : _parameters.GetOrAdd(region, region => new ParameterStoreClient(Reached(region, settings.ParametersEndpoint), time, credentials, transport)).ValueAsync(thing, name, cancellationToken);
    }

    private AwsSettings Reached(string region, Uri? endpoint) => new() { Region = region, Endpoint = endpoint, UseFips = settings.UseFips };

    /// <summary><c>arn:PARTITION:SERVICE:REGION:ACCOUNT:...</c>; null: it is no ARN.</summary>
    private static string? RegionOf(string name) => name.StartsWith(ArnPrefix, StringComparison.Ordinal) && name.Split(':') is [_, _, _, { Length: > 0 } region, ..] ? region : null;

    /// <summary>Nothing of the value is said when it is another than was thought.</summary>
    private static string MemberOf(string value, string reference, string member)
    {
        try
        {
            using var json = JsonDocument.Parse(value);
            if (json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty(member, out var found))
                return found.ValueKind == JsonValueKind.String ? found.GetString()! : found.GetRawText();
        }
        catch (JsonException)
        {
            // Said below: the exception would quote it.
        }

        throw new PipelineException(FaultKind.Invalid, $"Secret {reference}", $"its value is no JSON object with a member {member}", "Correct the name behind #, or the secret's value.");
    }

    /// <summary>One value, asked for by one at a time.</summary>
    private sealed class Kept(TimeSpan refresh, TimeProvider time)
    {
        /// <summary>So long AWS is waited for by who could go on with the value that is known.</summary>
        private static readonly TimeSpan KnownMax = TimeSpan.FromSeconds(3);

        private readonly SemaphoreSlim _asking = new(1, 1);
        private volatile string? _value;
        private long _readAt;

        public async ValueTask<string> ReadAsync(Func<CancellationToken, Task<string>> ask, CancellationToken cancellationToken)
        {
            if (Fresh is { } fresh) return fresh;
            await _asking.WaitAsync(cancellationToken);
            try
            {
                if (Fresh is { } read) return read;
                var known = _value;
                _value = known is null ? await ask(cancellationToken) : await AskAgainAsync(known, ask, cancellationToken);
                Interlocked.Exchange(ref _readAt, time.GetTimestamp());
                return _value;
            }
            finally
            {
                _asking.Release();
            }
        }

        /// <returns>The value as it is now; the one that is known, which is asked for again as late as another, when AWS does not answer in time.</returns>
        private async Task<string> AskAgainAsync(string known, Func<CancellationToken, Task<string>> ask, CancellationToken cancellationToken)
        {
            using var limit = new CancellationTokenSource(KnownMax, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
            try
            {
                return await ask(either.Token);
            }
            catch (PipelineException e) when (e.IsTransient)
            {
                return known;
            }
            catch (OperationCanceledException) when (either.IsCancellationRequested)
            {
                return known;
            }
        }

        private string? Fresh => _value is { } value && time.GetElapsedTime(Interlocked.Read(ref _readAt)) < refresh ? value : null;
    }
}
