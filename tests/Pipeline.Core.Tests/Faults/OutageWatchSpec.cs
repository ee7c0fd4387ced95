using Microsoft.Extensions.Time.Testing;

namespace Pipeline.Core.Tests.Faults;

public sealed class OutageWatchSpec : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly List<string> _said = [];
    private readonly OutageWatch _watch;
    private readonly OutageWaiter _waiter;

    public OutageWatchSpec()
    {
        _watch = new OutageWatch(_time, notice => _said.Add(notice.ToString()));
        _waiter = _watch.Waiter();
    }

    public void Dispose() => _watch.Dispose();

    [Fact]
    public void What_is_away_for_less_than_ten_seconds_is_not_worth_a_line()
    {
        _waiter.Failed(AwayAs("a"));
        _time.Advance(TimeSpan.FromSeconds(9));
        _waiter.Answered();
        _time.Advance(TimeSpan.FromMinutes(5));

        Assert.Empty(_said);
    }

    [Fact]
    public void What_is_away_is_said_after_ten_seconds_then_once_a_minute_and_its_return_once()
    {
        _waiter.Failed(AwayAs("a"));
        Pass(TimeSpan.FromSeconds(135), every: TimeSpan.FromSeconds(1), () => _waiter.Failed(AwayAs("a")));
        _waiter.Answered();
        _waiter.Answered();
        _time.Advance(TimeSpan.FromMinutes(5));

        Assert.Equal(["10 s", "1 min 10 s", "2 min 10 s"], _said.Where(line => line.Contains("away for", StringComparison.Ordinal)).Select(Duration));
        Assert.EndsWith("Bucket b is back after 2 min 15 s.", _said[^1], StringComparison.Ordinal);
        Assert.Equal(4, _said.Count);
    }

    [Fact]
    public void It_is_said_on_time_although_nobody_fails_just_then()
    {
        _waiter.Failed(AwayAs("a"));

        _time.Advance(TimeSpan.FromSeconds(10));

        Assert.Single(_said);
        Assert.EndsWith("Bucket b has been away for 10 s. Object a: no answer. Check the network. It is tried again.", _said[0], StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_thing_under_another_objects_name_is_the_same_outage()
    {
        var objects = 0;
        _waiter.Failed(AwayAs("0"));
        Pass(TimeSpan.FromSeconds(70), every: TimeSpan.FromMilliseconds(500), () => _waiter.Failed(AwayAs($"{++objects}")));

        Assert.Equal(2, _said.Count);
    }

    [Fact]
    public void However_many_wait_for_it_one_line_is_said()
    {
        OutageWaiter[] waiters = [.. Enumerable.Range(0, 50).Select(_ => _watch.Waiter())];
        foreach (var waiter in waiters) waiter.Failed(AwayAs("a"));
        Pass(TimeSpan.FromSeconds(30), every: TimeSpan.FromSeconds(1), () =>
        {
            foreach (var waiter in waiters) waiter.Failed(AwayAs("a"));
        });
        foreach (var waiter in waiters) waiter.Answered();

        Assert.Equal(2, _said.Count);
    }

    [Fact]
    public void An_attempt_that_took_long_to_fail_is_part_of_the_outage()
    {
        _waiter.Asks();
        _time.Advance(TimeSpan.FromSeconds(30));

        _waiter.Failed(AwayAs("a"));

        Assert.Equal("30 s", Duration(Assert.Single(_said)));
    }

    [Fact]
    public void Nothing_more_is_said_when_those_who_waited_have_gone()
    {
        var other = _watch.Waiter();
        _waiter.Failed(AwayAs("a"));
        other.Failed(AwayAs("a"));
        _time.Advance(TimeSpan.FromSeconds(10));

        _waiter.Dispose();
        _time.Advance(TimeSpan.FromMinutes(1));
        other.Dispose();
        _time.Advance(TimeSpan.FromMinutes(5));

        Assert.Equal(3, _said.Count);
        Assert.Contains("nobody here waits for it any more", _said[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Two_things_that_are_away_are_two_lines()
    {
        var other = _watch.Waiter();
        _waiter.Failed(AwayAs("a"));
        other.Failed(new Fault(FaultKind.Unreachable, "Source crm", "it answers 503", "Check account-url."));

        _time.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal(2, _said.Count);
        Assert.Contains(_said, line => line.EndsWith("Source crm has been away for 10 s: it answers 503. Check account-url. It is tried again.", StringComparison.Ordinal));
    }

    [Fact]
    public void Its_return_is_told_by_whoever_is_answered_first()
    {
        var other = _watch.Waiter();
        _waiter.Failed(AwayAs("a"));
        other.Failed(AwayAs("b"));
        _time.Advance(TimeSpan.FromSeconds(20));

        other.Answered();
        _waiter.Answered();

        Assert.EndsWith("Bucket b is back after 20 s.", _said[^1], StringComparison.Ordinal);
        Assert.Equal(2, _said.Count);
    }

    private void Pass(TimeSpan time, TimeSpan every, Action then)
    {
        for (var passed = TimeSpan.Zero; passed < time; passed += every)
        {
            _time.Advance(every);
            then();
        }
    }

    private static string Duration(string line) => line[(line.IndexOf("away for ", StringComparison.Ordinal) + 9)..].Split('.', ':')[0];

    private static Fault AwayAs(string name) => new(FaultKind.Unreachable, $"Object {name}", "no answer", "Check the network.", Dependency: "Bucket b");
}
