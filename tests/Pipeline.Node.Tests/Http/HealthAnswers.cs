using System.Net;
using System.Text.Json.Nodes;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Http;

/// <summary>Asks a node how it is, as whoever watches over it does.</summary>
internal sealed class HealthAnswers(Uri address) : IDisposable
{
    private static readonly TimeSpan Deadline = Deadlines.Test;

    private readonly HttpClient _http = new() { BaseAddress = address };

    public async Task<HealthAnswer> AskAsync(string path)
    {
        using var response = await _http.GetAsync(path, TestContext.Current.CancellationToken);
        return new HealthAnswer(response.StatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    /// <summary>Asks until the answer is so; fails with the last.</summary>
    public async Task<HealthAnswer> WaitForAsync(string path, Func<HealthAnswer, bool> isSo)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadline);
        using var pulse = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        HealthAnswer last;
        do last = await AskAsync(path);
        while (!isSo(last) && !deadline.IsCancellationRequested && await pulse.WaitForNextTickAsync(TestContext.Current.CancellationToken));
        Assert.True(isSo(last), $"{path} still says {last.Body}");
        return last;
    }

    /// <summary>Asks until its actors have answered in time, which those of a busy machine may not.</summary>
    public Task<HealthAnswer> WaitUntilLiveAsync() => WaitForAsync("/healthz/live", answer => answer.Status == HttpStatusCode.OK);

    public Task<HealthAnswer> WaitUntilReadyAsync() => WaitForAsync("/healthz/ready", answer => answer.Status == HttpStatusCode.OK);

    /// <summary>Until it is not, for reasons of this check and of no other.</summary>
    public Task<HealthAnswer> WaitUntilUnreadyAsync(string check) => WaitForAsync("/healthz/ready", answer => answer.Status == HttpStatusCode.ServiceUnavailable && answer.Failing.SequenceEqual([check]));

    public void Dispose() => _http.Dispose();
}

internal sealed record HealthAnswer(HttpStatusCode Status, string Body)
{
    private JsonArray Checks => JsonNode.Parse(Body)!["checks"]!.AsArray();

    public string[] Names => [.. Checks.Select(check => (string)check!["check"]!)];

    public string[] Failing => [.. Checks.Where(check => !(bool)check!["ok"]!).Select(check => (string)check!["check"]!)];

    public JsonNode[] Reasons => [.. Checks.SelectMany(check => check!["reasons"]!.AsArray())!];

    public bool Says(string text) => Reasons.Any(reason => $"{reason["thing"]}: {reason["cause"]}. {reason["next_step"]}".Contains(text, StringComparison.Ordinal));
}
