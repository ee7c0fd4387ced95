using System.Collections.Immutable;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Remote;

namespace Pipeline.Transform.Tests.Jobs.Remote;

/// <summary>What follows from what is known of a run's executions, decision by decision.</summary>
public sealed class RemoteRunSpec
{
    private static readonly TimeSpan Now = TimeSpan.FromHours(1);

    private static readonly RunKnowledge Known = new("ours", new RemoteBounds(TimeSpan.FromMinutes(6), TimeSpan.FromHours(12))) { Found = [], FoundAt = Now };

    [Fact]
    public void Nothing_is_done_before_the_engine_was_asked() => Assert.Equal("look", Decide(Known with { Found = null, Held = 1, Claims = [Claim(1, ClaimFate.Open)] }));

    [Fact]
    public void Nothing_is_submitted_without_a_claim()
    {
        Assert.Equal("claim 1", Decide(Known));
        Assert.Equal("claim 3", Decide(Known with { Claims = [Claim(1, ClaimFate.Over), Claim(2, ClaimFate.Dropped)] }));
        Assert.Equal("submit 3", Decide(Known with { Claims = [Claim(1, ClaimFate.Over), Claim(2, ClaimFate.Dropped), Claim(3, ClaimFate.Open)], Held = 3 }));
    }

    [Theory]
    [InlineData(ExecutionStage.Pending)]
    [InlineData(ExecutionStage.Running)]
    [InlineData(ExecutionStage.Succeeded)]
    internal void What_runs_or_has_run_well_is_taken_over(ExecutionStage stage) => Assert.Equal("adopt e1", Decide(Known with { Found = [Found("e1", stage)] }));

    [Theory]
    [InlineData(ExecutionStage.Failed)]
    [InlineData(ExecutionStage.Cancelled)]
    internal void What_has_failed_is_not(ExecutionStage stage) => Assert.Equal("claim 1", Decide(Known with { Found = [Found("e1", stage)] }));

    [Fact]
    public void What_was_told_to_end_is_waited_for_and_not_taken_over() => Assert.Equal("wait", Decide(Known with { Found = [Found("e1", ExecutionStage.Cancelling)] }));

    [Fact]
    public void Another_document_is_cancelled_once_a_minute_and_waited_for()
    {
        var known = Known with { Found = [Found("e1", ExecutionStage.Running, "another"), Found("e2", ExecutionStage.Running)] };

        Assert.Equal("cancel e1", Decide(known));
        Assert.Equal("wait", Decide(known with { Cancelled = Cancelled("e1", Now) }));
        Assert.Equal("cancel e1", Decide(known with { Cancelled = Cancelled("e1", Now - TimeSpan.FromMinutes(1)) }));
        Assert.Equal("adopt e2", Decide(known with { Found = [Found("e1", ExecutionStage.Cancelled, "another"), Found("e2", ExecutionStage.Running)] }));
    }

    [Fact]
    public void Of_two_that_would_do_one_is_taken_and_the_other_ended()
    {
        Assert.Equal("cancel e2", Decide(Known with { Found = [Found("e2", ExecutionStage.Pending), Found("e1", ExecutionStage.Running)] }));
        Assert.Equal("cancel e2", Decide(Known with { Found = [Found("e2", ExecutionStage.Running), Found("e1", ExecutionStage.Succeeded)] }));
    }

    [Fact]
    public void An_answer_that_is_of_no_use_is_not_taken_twice() => Assert.Equal("claim 1", Decide(Known with { Found = [Found("e1", ExecutionStage.Succeeded)], Spoilt = ["e1"] }));

    [Fact]
    public void The_document_of_an_execution_is_what_its_claim_says_where_the_engine_does_not()
    {
        var known = Known with { Found = [Found("e1", ExecutionStage.Running, null)], Claims = [Claim(1, ClaimFate.Sent)] };

        Assert.Equal("adopt e1", Decide(known));
        Assert.Equal("cancel e1", Decide(known with { Claims = [] }));
    }

    [Fact]
    public void An_open_claim_is_left_to_its_owner_for_a_while_and_then_taken_away()
    {
        var known = Known with { Claims = [Claim(1, ClaimFate.Open, seen: Now - TimeSpan.FromSeconds(44))] };

        Assert.Equal("wait", Decide(known));
        Assert.Equal("take 1", Decide(known with { Claims = [Claim(1, ClaimFate.Open, seen: Now - TimeSpan.FromSeconds(45))] }));
        Assert.Equal("wait", Decide(known with { Held = 2, Claims = [.. known.Claims, Claim(2, ClaimFate.Open)] }));
    }

    [Fact]
    public void What_was_sent_is_looked_for_until_it_cannot_arrive_any_more()
    {
        var sent = Known with { Claims = [Claim(1, ClaimFate.Sent, seen: Now - RunKnowledge.SendMax - TimeSpan.FromMinutes(6))] };

        Assert.Equal("close 1", Decide(sent));
        Assert.Equal("wait", Decide(sent with { Claims = [Claim(1, ClaimFate.Sent, seen: Now - RunKnowledge.SendMax - TimeSpan.FromMinutes(5))] }));
        // It counts when the engine was asked.
        Assert.Equal("wait", Decide(sent with { FoundAt = Now - TimeSpan.FromSeconds(1) }));
        Assert.Equal("close 1", Decide(sent with { Claims = [Claim(1, ClaimFate.Sent)], Found = [Found("e1", ExecutionStage.Failed)] }));
    }

    private static string Decide(RunKnowledge known) => RemoteRun.Decide(known, Now) switch
    {
        RunStep.Look => "look",
        RunStep.Claim claim => $"claim {claim.Number}",
        RunStep.TakeAway taken => $"take {taken.Number}",
        RunStep.Close closed => $"close {closed.Number}",
        RunStep.Submit submit => $"submit {submit.Number}",
        RunStep.Adopt adopt => $"adopt {adopt.Execution.Handle.Execution}",
        RunStep.Cancel cancel => $"cancel {string.Join(", ", cancel.Executions.Select(handle => handle.Execution))}",
        RunStep.Wait => "wait",
        var other => throw new InvalidOperationException($"Unknown step {other}."),
    };

    /// <summary>Of execution e1 for claim 1, and so on.</summary>
    private static SeenClaim Claim(int number, ClaimFate fate, TimeSpan? seen = null) => new(number, $"e{number}", "ours", fate, seen ?? Now);

    private static FoundExecution Found(string execution, ExecutionStage stage, string? document = "ours") =>
        new(new JobHandle("emr", execution, $"s-{execution}"), stage, document, DateTimeOffset.UnixEpoch);

    private static ImmutableDictionary<string, TimeSpan> Cancelled(string execution, TimeSpan at) => ImmutableDictionary<string, TimeSpan>.Empty.Add(execution, at);
}
