using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Node.Cli;
using Pipeline.Node.Http.Api;
using Pipeline.Node.Http.Api.Documents;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>What commands make of a node of their machine that is there, and cannot answer now.</summary>
public sealed class UnnamedNodeSpec : IDisposable
{
    private const string Node = "10.0.0.5:4053";
    private const string Cause = "it is busy with something else";

    private readonly ScratchDirectory _directory = new("pipeline-unnamed-");

    public static TheoryData<int> Busy => [StatusCodes.Status503ServiceUnavailable, StatusCodes.Status429TooManyRequests, StatusCodes.Status502BadGateway];

    public void Dispose() => _directory.Dispose();

    [Theory, MemberData(nameof(Busy))]
    public async Task A_node_that_is_busy_at_first_is_asked_again_until_nothing_is_open(int status)
    {
        var config = await ConfigureAsync();
        var answers = new Queue<Func<HttpContext, Task>>([Problem(status), Saying(isHeld: false), Saying(isHeld: true)]);
        await using var node = await StandInNode.ServeAsync(config, http => answers.Dequeue()(http));

        var run = await NodeRun.OfAsync("drain", Node, "--reason", "a test", "--config", config, "-o", "json");

        Assert.True(run.ExitCode == ExitCode.Done, run.ToString());
        Assert.Empty(run.Document["open"]!.AsArray());
        Assert.Empty(answers);
    }

    [Theory, MemberData(nameof(Busy))]
    public async Task What_a_node_says_that_stays_busy_is_told_and_not_that_none_is_there(int status)
    {
        var config = await ConfigureAsync();
        // Its clock stands still while the node is asked: a second is over when it has answered once and is asked again.
        var (time, problem) = (new FakeTimeProvider(TimeProvider.System.GetUtcNow()), Problem(status));
        await using var node = await StandInNode.ServeAsync(config, http =>
        {
            time.Advance(TimeSpan.FromMilliseconds(500));
            return problem(http);
        });

        var run = await NodeRun.OfAsync(time, new Dictionary<string, string>(StringComparer.Ordinal), "drain", Node, "--reason", "a test", "--wait", "1s", "--config", config, "-o", "json");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Equal([Node], run.Document["open"]!.AsArray().Select(open => (string)open!));
        Assert.Equal(("unreachable", Cause), ((string)run.Document["errors"]![0]!["code"]!, (string)run.Document["errors"]![0]!["cause"]!));
        Assert.DoesNotContain("No node", run.Messages, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Busy))]
    public async Task Another_of_the_machine_is_asked_and_then_the_lake_which_people_are_told(int status)
    {
        var config = await ConfigureAsync();
        var asked = 0;
        Func<HttpContext, Task> problem = Problem(status);
        Task AnswerAsync(HttpContext http)
        {
            Interlocked.Increment(ref asked);
            return problem(http);
        }

        await using var one = await StandInNode.ServeAsync(config, AnswerAsync);
        await using var other = await StandInNode.ServeAsync(config, AnswerAsync);

        var run = await NodeRun.OfAsync("why", "bronze/events/clicks", "--config", config, "-o", "json");

        Assert.Equal(2, asked);
        Assert.NotEmpty(run.Rows);
        Assert.Contains($"{Cause}. Ask again. So the lake is asked.", run.Messages, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Busy))]
    public async Task Who_asks_for_what_only_a_node_knows_is_told_what_it_said(int status)
    {
        var config = await ConfigureAsync();
        await using var node = await StandInNode.ServeAsync(config, Problem(status));

        foreach (var verb in (string[][])[["status", "--running"], ["watch", "--times", "1"], ["cluster", "show"], ["shards", "show"], ["jobs", "list"], ["log-level"], ["ask", "/v1/status"]])
        {
            var run = await NodeRun.OfAsync([.. verb, "--config", config]);

            Assert.Equal(ExitCode.CannotConnect, run.ExitCode);
            Assert.Contains(Cause, run.Messages, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(StatusCodes.Status409Conflict)]
    [InlineData(StatusCodes.Status503ServiceUnavailable)]
    public async Task Watching_goes_on_when_nobody_knows_for_a_while(int status)
    {
        var config = await ConfigureAsync();
        var (looks, knows) = (0, Saying(isHeld: false));
        await using var node = await StandInNode.ServeAsync(config, http => Interlocked.Increment(ref looks) == 2 ? Problem(status)(http) : knows(http));

        var run = await NodeRun.OfAsync("watch", "--times", "3", "--every", "1ms", "--config", config);

        Assert.Equal((ExitCode.Done, 3), (run.ExitCode, looks));
        Assert.Contains(Cause, run.Messages, StringComparison.Ordinal);
    }

    private Task<string> ConfigureAsync() => RunningNode.ConfigureAsync(_directory, """
        events { type = kafka, bootstrap = "127.0.0.1:1", security { protocol = plaintext }, tables { clicks { topic = clicks, format = json } } }
        """, $"http.socket-directory = \"{Path.Combine(_directory, "s")}\"");

    private static Func<HttpContext, Task> Problem(int status) => http => new ApiProblem(status, "busy", "This request", Cause, "Ask again.").WriteAsync(http);

    private static Func<HttpContext, Task> Saying(bool isHeld) => http =>
        StandInNode.WriteAsync(http, new RunningDocument(ApiJson.SchemaVersion, DateTimeOffset.UnixEpoch, LakeAwaySince: null, Unrecorded: [], [new NodeItem(Node, "1.0.0", [], DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch, "x", isHeld, BufferBytes: 0, Away: [])], Sources: [], Items: [], Next: null));
}
