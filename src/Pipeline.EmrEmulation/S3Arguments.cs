using System.CommandLine;
using Pipeline.Delta.Storage;

namespace Pipeline.EmrEmulation;

/// <summary>How buckets are reached, as arguments: the server gives its own to each of its steps. Objects are encrypted as their bucket says.</summary>
internal sealed class S3Arguments
{
    private readonly Option<Uri?> _endpoint = new("--s3-endpoint") { Description = "An S3 other than Amazon's, for s3://.", CustomParser = result => new Uri(result.Tokens[0].Value) };
    private readonly Option<bool> _pathStyle = new("--s3-path-style") { Description = "Buckets are in the path and not in the name of the host." };
    private readonly Option<string?> _region = new("--s3-region") { Description = "Where the buckets are." };

    public void AddTo(Command command)
    {
        command.Options.Add(_endpoint);
        command.Options.Add(_pathStyle);
        command.Options.Add(_region);
    }

    public S3Options Of(ParseResult parsed)
    {
        var options = new S3Options { Endpoint = parsed.GetValue(_endpoint), PathStyle = parsed.GetValue(_pathStyle) };
        return parsed.GetValue(_region) is { } region ? options with { Region = region } : options;
    }

    public static IEnumerable<string> From(S3Options options) =>
        ["--s3-region", options.Region, .. options.Endpoint is { } endpoint ? ["--s3-endpoint", endpoint.ToString()] : Array.Empty<string>(), .. options.PathStyle ? ["--s3-path-style"] : Array.Empty<string>()];
}
