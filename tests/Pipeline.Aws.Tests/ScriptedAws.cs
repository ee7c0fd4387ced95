using System.Globalization;
using System.Net;
using System.Text;

namespace Pipeline.Aws.Tests;

/// <summary>Answers requests one after the other as told, the last answer for good.</summary>
internal sealed class ScriptedAws(params IReadOnlyList<Func<HttpRequestMessage, HttpResponseMessage>> answers) : HttpMessageHandler
{
    private readonly List<(string Date, string Body, string Target)> _requests = [];

    /// <summary>When each request was signed.</summary>
    public IReadOnlyList<DateTimeOffset> SignedAt => [.. _requests.Select(request => DateTimeOffset.ParseExact(request.Date, "yyyyMMddTHHmmssZ", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal))];

    public IReadOnlyList<string> Bodies => [.. _requests.Select(request => request.Body)];

    /// <summary>Paths and queries.</summary>
    public IReadOnlyList<string> Targets => [.. _requests.Select(request => request.Target)];

    public int Requests => _requests.Count;

    public static Func<HttpRequestMessage, HttpResponseMessage> Answer(int status, string body, string type = "application/x-amz-json-1.1", DateTimeOffset? date = null, string? errorType = null) => _ =>
    {
        var response = new HttpResponseMessage((HttpStatusCode)status) { Content = new StringContent(body, Encoding.UTF8, type) };
        response.Headers.Date = date;
        if (errorType is not null) response.Headers.Add("x-amzn-errortype", errorType);
        return response;
    };

    public static Func<HttpRequestMessage, HttpResponseMessage> Error(int status, string code, string message = "said so", DateTimeOffset? date = null) =>
        Answer(status, $$"""{"__type":"{{code}}","Message":"{{message}}"}""", date: date);

    public static Func<HttpRequestMessage, HttpResponseMessage> Throw(Exception exception) => _ => throw exception;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        _requests.Add((request.Headers.GetValues("x-amz-date").Single(), request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken), request.RequestUri!.PathAndQuery));
        return answers[Math.Min(_requests.Count, answers.Count) - 1](request);
    }
}
