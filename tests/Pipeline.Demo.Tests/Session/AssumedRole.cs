using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Pipeline.Testing;

namespace Pipeline.Demo.Tests.Session;

/// <summary>
/// A role of moto's STS that a process assumes by a web identity, as one in a container does. Its credentials hold a few seconds longer
/// than the time at which the SDK renews them, and each time they are others.
/// </summary>
internal sealed partial class AssumedRole : IAsyncDisposable
{
    /// <summary>So long before they end the SDK takes new ones: a quarter of an hour, and the minute in which it does not use them any more.</summary>
    private static readonly TimeSpan RenewedBefore = TimeSpan.FromMinutes(16);

    private static readonly TimeSpan Held = TimeSpan.FromSeconds(4);

    private readonly FaultProxy _sts;
    private readonly TaskCompletionSource _hasChanged = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _given;

    private AssumedRole(FaultProxy sts, string directory)
    {
        _sts = sts;
        var token = Path.Combine(directory, "web-identity-token");
        File.WriteAllText(token, "token");
        Environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["AWS_ROLE_ARN"] = "arn:aws:iam::123456789012:role/pipeline-node",
            ["AWS_WEB_IDENTITY_TOKEN_FILE"] = token,
            ["AWS_ENDPOINT_URL_STS"] = sts.Url.ToString(),
            ["AWS_REGION"] = "us-east-1",
        };
        sts.Use(_ => new ProxyFault.Change(Renumber));
    }

    /// <summary>What leads a process to the role.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; }

    /// <summary>How many credentials were given.</summary>
    public int Given => Volatile.Read(ref _given);

    /// <summary>Done when the third credentials are given: the first are not taken any more.</summary>
    public Task HasChanged => _hasChanged.Task;

    public static async Task<AssumedRole> StartAsync(Uri moto, string directory, CancellationToken cancellationToken) => new(await FaultProxy.StartAsync(moto, cancellationToken), directory);

    /// <summary>Whether a token is none of the last two: the one before the last may be on its way.</summary>
    public bool IsExpired(string? token) => token?.Split('-') is not ["session", var number] || int.Parse(number, CultureInfo.InvariantCulture) < Given - 1;

    public ValueTask DisposeAsync() => _sts.DisposeAsync();

    private byte[] Renumber(byte[] answer)
    {
        var xml = Encoding.UTF8.GetString(answer);
        var number = Interlocked.Increment(ref _given);
        if (number == 3) _hasChanged.TrySetResult();
        xml = Token().Replace(xml, $"<SessionToken>session-{number}</SessionToken>");
        var ends = (TimeProvider.System.GetUtcNow() + RenewedBefore + Held).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        return Encoding.UTF8.GetBytes(Expiration().Replace(xml, $"<Expiration>{ends}</Expiration>"));
    }

    [GeneratedRegex("<SessionToken>[^<]*</SessionToken>")]
    private static partial Regex Token();

    [GeneratedRegex("<Expiration>[^<]*</Expiration>")]
    private static partial Regex Expiration();
}
