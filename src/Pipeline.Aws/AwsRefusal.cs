using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Pipeline.Aws;

/// <summary>An answer that is no success, as it came. The inner exception of the error that it became.</summary>
/// <param name="code">AWS's name for the error, without prefixes; null: it has none, and is none of AWS's.</param>
/// <param name="said">AWS's words, without secrets.</param>
internal sealed class AwsRefusal(HttpStatusCode status, string? code, string said) : Exception(code is null ? $"HTTP {(int)status}" : $"{code}: {said}")
{
    private const int SaidLengthMax = 600;

    public HttpStatusCode Status { get; } = status;

    public string? Code { get; } = code;

    public string Said { get; } = said;

    /// <summary>Reads both protocols' errors: the code in <c>x-amzn-errortype</c> or <c>__type</c>, the words in <c>message</c> or <c>Message</c>.</summary>
    /// <param name="hide">Takes secrets out of a text.</param>
    public static AwsRefusal Read(HttpStatusCode status, HttpResponseHeaders headers, byte[] body, Func<string, string> hide)
    {
        var code = headers.TryGetValues("x-amzn-errortype", out var types) ? types.FirstOrDefault() : null;
        string? said = null;
        try
        {
            using var json = JsonDocument.Parse(body);
            if (json.RootElement.ValueKind == JsonValueKind.Object)
            {
                code ??= Text(json.RootElement, "__type") ?? Text(json.RootElement, "code");
                said = Text(json.RootElement, "message") ?? Text(json.RootElement, "Message");
            }
        }
        catch (JsonException)
        {
            // Proxies and load balancers refuse in HTML: then the status is all there is.
        }

        return new AwsRefusal(status, Bare(code), Short(hide(said ?? "without a word")));
    }

    /// <summary><c>com.amazonaws.elasticmapreduce#ThrottlingException:http://...</c> is <c>ThrottlingException</c>.</summary>
    private static string? Bare(string? code)
    {
        if (code is null) return null;
        code = code[(code.LastIndexOf('#') + 1)..];
        var colon = code.IndexOf(':');
        code = (colon < 0 ? code : code[..colon]).Trim();
        return code.Length == 0 ? null : code;
    }

    private static string Short(string said)
    {
        // A wrong signature is answered with all that should have been signed, the session's token included.
        var quoted = said.IndexOf("The Canonical String", StringComparison.Ordinal);
        said = (quoted < 0 ? said : said[..quoted]).ReplaceLineEndings(" ").Trim().TrimEnd('.');
        return said.Length <= SaidLengthMax ? said : said[..SaidLengthMax] + "...";
    }

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
