using System.Net;
using System.Text.Json.Nodes;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>A CloudWatch with composite alarms and alarms on queries: <c>moto_server</c> has neither, and is passed everything else.</summary>
internal sealed class CompositeAlarmServer : IAsyncDisposable
{
    private readonly HttpListener _listener = new();
    private readonly HttpClient _moto;
    private readonly Dictionary<string, (JsonObject Alarm, JsonNode? Tags)> _alarms = new(StringComparer.Ordinal);
    private readonly Task _serving;

    public CompositeAlarmServer(Uri moto)
    {
        _moto = new HttpClient { BaseAddress = moto };
        Url = new Uri($"http://127.0.0.1:{LoopbackPort.Free()}/");
        _listener.Prefixes.Add(Url.ToString());
        _listener.Start();
        _serving = ServeAsync();
    }

    public Uri Url { get; }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _serving;
        ((IDisposable)_listener).Dispose();
        _moto.Dispose();
    }

    private async Task ServeAsync()
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception) when (!_listener.IsListening)
            {
                return;
            }

            var operation = context.Request.Headers["X-Amz-Target"]!.Split('.')[^1];
            var (status, answer) = await AnswerAsync(operation, JsonNode.Parse(context.Request.InputStream)!.AsObject(), context.Request);
            context.Response.StatusCode = status;
            context.Response.ContentType = "application/x-amz-json-1.0";
            await context.Response.OutputStream.WriteAsync(System.Text.Encoding.UTF8.GetBytes(answer));
            context.Response.Close();
        }
    }

    private async Task<(int Status, string Answer)> AnswerAsync(string operation, JsonObject body, HttpListenerRequest request)
    {
        switch (operation)
        {
            case "PutCompositeAlarm" or "PutMetricAlarm" when operation == "PutCompositeAlarm" || IsOnQuery(body):
                var name = (string)body["AlarmName"]!;
                body["AlarmArn"] = ArnOf(name);
                body.Remove("Tags", out var tags);
                _alarms[name] = (body, tags ?? (_alarms.TryGetValue(name, out var before) ? before.Tags : null));
                return (200, "{}");
            // One that was changed into one on a query has the tags that it was made with.
            case "ListTagsForResource" when _alarms.TryGetValue(((string)body["ResourceARN"]!).Split(':')[^1], out var found) && found.Tags is not null:
                return (200, new JsonObject { ["Tags"] = found.Tags.DeepClone() }.ToJsonString());
            case "DeleteAlarms":
                var names = body["AlarmNames"]!.AsArray().Select(alarm => (string)alarm!).ToList();
                // As CloudWatch has it, a composite alarm is deleted by itself.
                if (names.Count > 1 && names.Any(alarm => _alarms.TryGetValue(alarm, out var kept) && !IsOnQuery(kept.Alarm))) return (400, """{"__type":"ValidationError","message":"Only one composite alarm can be deleted at a time"}""");
                body["AlarmNames"] = new JsonArray([.. names.Where(alarm => !_alarms.Remove(alarm, out var kept) || IsOnQuery(kept.Alarm)).Select(alarm => (JsonNode)alarm)]);
                if (body["AlarmNames"]!.AsArray().Count == 0) return (200, "{}");
                break;
        }

        using var passed = new HttpRequestMessage(HttpMethod.Post, "/") { Content = new StringContent(body.ToJsonString()) };
        passed.Content.Headers.ContentType = new System.Net.Http.Headers.MediaTypeHeaderValue("application/x-amz-json-1.0");
        foreach (var header in (string[])["X-Amz-Target", "Authorization", "X-Amz-Date"]) passed.Headers.TryAddWithoutValidation(header, request.Headers[header]);
        using var answer = await _moto.SendAsync(passed);
        var text = await answer.Content.ReadAsStringAsync();
        if (operation != "DescribeAlarms") return ((int)answer.StatusCode, text);
        var described = JsonNode.Parse(text)!.AsObject();
        var asked = _alarms.Where(alarm => alarm.Key.StartsWith((string)body["AlarmNamePrefix"]!, StringComparison.Ordinal)).Select(alarm => alarm.Value.Alarm.DeepClone().AsObject()).ToLookup(IsOnQuery);
        described["CompositeAlarms"] = new JsonArray([.. asked[false]]);
        foreach (var replaced in described["MetricAlarms"]!.AsArray().Where(alarm => _alarms.ContainsKey((string)alarm!["AlarmName"]!)).ToList()) described["MetricAlarms"]!.AsArray().Remove(replaced);
        // On the last page that moto has.
        if (described["NextToken"] is null) foreach (var onQuery in asked[true]) described["MetricAlarms"]!.AsArray().Add((JsonNode)onQuery);
        return ((int)answer.StatusCode, described.ToJsonString());
    }

    private static bool IsOnQuery(JsonObject alarm) => alarm.ContainsKey("EvaluationCriteria");

    private static string ArnOf(string alarm) => $"arn:aws:cloudwatch:eu-central-1:123456789012:alarm:{alarm}";
}
