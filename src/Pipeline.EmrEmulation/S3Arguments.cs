using System.CommandLine;
using Pipeline.Delta.Storage;

namespace Pipeline.EmrEmulation;

/// <summary>How buckets are reached, as arguments: the server gives its own to each of its steps. Objects are encrypted as their bucket says.</summary>
internal sealed class S3Arguments
{
    private readonly Option<Uri?> _endpoint = new("--s3-endpoint") { Description = "An S3 other than Amazon's, for s3://." };
    private readonly Option<string?> _region = new("--s3-region") { Description = "Where the buckets are." };

    public void AddTo(Command command)
    {
        command.Options.Add(_endpoint);
        command.Options.Add(_region);
    }

    public S3Options Of(ParseResult parsed)
    {
        var endpoint = parsed.GetValue(_endpoint);
        var options = new S3Options { Endpoint = endpoint, PathStyle = endpoint is not null };
        return parsed.GetValue(_region) is { } region ? options with { Region = region } : options;
    }

    public static IEnumerable<string> From(S3Options options) => ["--s3-region", options.Region, .. options.Endpoint is { } endpoint ? ["--s3-endpoint", endpoint.ToString()] : Array.Empty<string>()];
}
