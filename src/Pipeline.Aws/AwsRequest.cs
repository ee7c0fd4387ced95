using System.Net.Http.Headers;
using System.Text.Json;

namespace Pipeline.Aws;

/// <summary>One call of a service, before it is signed.</summary>
/// <param name="Thing">What it asks for or changes, for errors.</param>
/// <param name="Operation">Its name in the service's model, and of the right that it needs.</param>
/// <param name="Path">Escaped.</param>
/// <param name="Query">Not escaped.</param>
/// <param name="Body">Empty: it has none.</param>
/// <param name="Target">The header that says the operation, where the path does not; null: the path does.</param>
/// <param name="IsCompressed">Whether the body is compressed with gzip.</param>
internal sealed record AwsRequest(string Thing, string Operation, HttpMethod Method, string Path, IReadOnlyDictionary<string, string> Query, byte[] Body, string ContentType, string? Target = null,
    bool IsCompressed = false)
{
    private static readonly IReadOnlyDictionary<string, string> NoQuery = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>AWS JSON 1.1: everything in the body, the operation in a header.</summary>
    public static AwsRequest Json11<T>(string thing, string targetPrefix, string operation, T body) =>
        new(thing, operation, HttpMethod.Post, "/", NoQuery, JsonSerializer.SerializeToUtf8Bytes(body, AwsJson.Options), "application/x-amz-json-1.1", $"{targetPrefix}.{operation}");

    /// <summary>AWS JSON 1.0: everything in the body, the operation in a header.</summary>
    public static AwsRequest Json10<T>(string thing, string targetPrefix, string operation, T body) =>
        Json10(thing, targetPrefix, operation, JsonSerializer.SerializeToUtf8Bytes(body, AwsJson.Options), isCompressed: false);

    /// <summary>AWS JSON 1.0 with a body that is written already.</summary>
    public static AwsRequest Json10(string thing, string targetPrefix, string operation, byte[] body, bool isCompressed) =>
        new(thing, operation, HttpMethod.Post, "/", NoQuery, body, "application/x-amz-json-1.0", $"{targetPrefix}.{operation}", isCompressed);

    /// <summary>REST JSON, without a body.</summary>
    public static AwsRequest Rest(string thing, string operation, HttpMethod method, string path, IReadOnlyDictionary<string, string>? query = null) =>
        new(thing, operation, method, path, query ?? NoQuery, [], "application/json");

    /// <summary>REST JSON.</summary>
    public static AwsRequest RestWith<T>(string thing, string operation, HttpMethod method, string path, T body) =>
        new(thing, operation, method, path, NoQuery, JsonSerializer.SerializeToUtf8Bytes(body, AwsJson.Options), "application/json");

    /// <summary>The message, new for each attempt.</summary>
    public HttpRequestMessage Message(Uri address)
    {
        var query = string.Join('&', Query.Select(pair => $"{Uri.EscapeDataString(pair.Key)}={Uri.EscapeDataString(pair.Value)}"));
        var message = new HttpRequestMessage(Method, new Uri(address, query.Length == 0 ? Path : $"{Path}?{query}"));
        if (Target is not null) message.Headers.Add("X-Amz-Target", Target);
        if (Body.Length == 0) return message;
        message.Content = new ByteArrayContent(Body);
        message.Content.Headers.ContentType = new MediaTypeHeaderValue(ContentType);
        if (IsCompressed) message.Content.Headers.ContentEncoding.Add("gzip");
        return message;
    }
}
