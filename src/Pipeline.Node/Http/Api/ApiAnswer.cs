using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Pipeline.Node.Http.Api;

/// <summary>A document as an answer.</summary>
internal static class ApiAnswer
{
    /// <summary>Bytes of a document's hash that its tag tells.</summary>
    private const int TagBytes = 16;

    public static async Task WriteAsync<T>(HttpContext http, T document, int status = StatusCodes.Status200OK)
        where T : class
    {
        // Weak: it is of what the document says, and not of the ages in it.
        var tag = new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(document, ApiJson.Lasting)).AsSpan(0, TagBytes))}\"", isWeak: true);
        var response = http.Response;
        response.Headers.CacheControl = "private, no-cache";
        response.Headers.ETag = tag.ToString();
        if (status == StatusCodes.Status200OK && http.Request.GetTypedHeaders().IfNoneMatch.Any(known => known.Compare(tag, useStrongComparison: false) || known.Equals(EntityTagHeaderValue.Any)))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        response.StatusCode = status;
        response.ContentType = "application/json";
        await response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(document, ApiJson.Options), http.RequestAborted);
    }
}
