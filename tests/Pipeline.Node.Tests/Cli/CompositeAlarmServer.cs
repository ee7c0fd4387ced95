using System.Net;
using System.Text.Json.Nodes;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>A CloudWatch with composite alarms: <c>moto_server</c> has none, and is passed everything else.</summary>
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
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
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
            case "PutCompositeAlarm":
                var name = (string)body["AlarmName"]!;
                body["AlarmArn"] = ArnOf(name);
                body.Remove("Tags", out var tags);
                _alarms[name] = (body, tags ?? (_alarms.TryGetValue(name, out var before) ? before.Tags : null));
                return (200, "{}");
            case "ListTagsForResource" when _alarms.TryGetValue(((string)body["ResourceARN"]!).Split(':')[^1], out var found):
                return (200, new JsonObject { ["Tags"] = found.Tags?.DeepClone() ?? new JsonArray() }.ToJsonString());
            // As CloudWatch has it, a composite alarm is deleted by itself.
            case "DeleteAlarms" when body["AlarmNames"]!.AsArray().Any(alarm => _alarms.ContainsKey((string)alarm!)):
                if (body["AlarmNames"]!.AsArray().Count > 1) return (400, """{"__type":"ValidationError","message":"Only one composite alarm can be deleted at a time"}""");
                _alarms.Remove((string)body["AlarmNames"]![0]!);
                return (200, "{}");
        }

        using var passed = new HttpRequestMessage(HttpMethod.Post, "/") { Content = new StringContent(body.ToJsonString()) };
        passed.Content.Headers.ContentType = new System.Net.Http.Headers.MediaTypeHeaderValue("application/x-amz-json-1.0");
        foreach (var header in (string[])["X-Amz-Target", "Authorization", "X-Amz-Date"]) passed.Headers.TryAddWithoutValidation(header, request.Headers[header]);
        using var answer = await _moto.SendAsync(passed);
        var text = await answer.Content.ReadAsStringAsync();
        if (operation != "DescribeAlarms") return ((int)answer.StatusCode, text);
        var described = JsonNode.Parse(text)!.AsObject();
        described["CompositeAlarms"] = new JsonArray([.. _alarms.Where(alarm => alarm.Key.StartsWith((string)body["AlarmNamePrefix"]!, StringComparison.Ordinal)).Select(alarm => alarm.Value.Alarm.DeepClone())]);
        return ((int)answer.StatusCode, described.ToJsonString());
    }

    private static string ArnOf(string alarm) => $"arn:aws:cloudwatch:eu-central-1:123456789012:alarm:{alarm}";
}
