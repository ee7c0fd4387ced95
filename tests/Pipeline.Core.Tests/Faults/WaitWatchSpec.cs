using Microsoft.Extensions.Time.Testing;
using Pipeline.Testing;

namespace Pipeline.Core.Tests.Faults;

public sealed class WaitWatchSpec : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly List<WaitNotice> _said = [];
    private readonly WaitWatch _watch;

    public WaitWatchSpec() => _watch = new WaitWatch(_time, _said.Add);

    public void Dispose() => _watch.Dispose();

    [Fact]
    public void A_wait_is_told_once_after_a_minute_and_once_at_its_end_however_long_it_lasts()
    {
        using (_watch.Begin("table orders", "statement 1 is not answered"))
        {
            Pass(TimeSpan.FromSeconds(59));
            Assert.Empty(_said);

            Pass(TimeSpan.FromMinutes(20));
            Assert.Equal(1, _watch.Count);
        }

        Pass(TimeSpan.FromMinutes(5));
        Assert.Equal([new WaitNotice("table orders", "statement 1 is not answered", TimeSpan.FromMinutes(1), IsOver: false),
            new WaitNotice("table orders", "statement 1 is not answered", TimeSpan.FromSeconds(20 * 60 + 59), IsOver: true)], _said);
        Assert.Equal(0, _watch.Count);
    }

    [Fact]
    public void What_ends_within_a_minute_is_not_told()
    {
        using var wait = _watch.Open("table orders");
        for (var i = 0; i < 100; i++)
        {
            wait.Begin("bytes");
            Pass(TimeSpan.FromSeconds(58));
            wait.End();
        }

        Assert.Empty(_said);
    }

    [Fact]
    public void Many_who_wait_for_one_thing_are_one_line_until_the_last_has_it()
    {
        var waits = Enumerable.Range(0, 50).Select(_ => _watch.Begin("the lake", "no answer")).ToList();
        Pass(TimeSpan.FromMinutes(2));
        foreach (var wait in waits.Skip(1)) wait.Dispose();
        using (_watch.Begin("the lake", "no answer"))
        {
            Pass(TimeSpan.FromSeconds(30));
            Assert.Single(_said);

            waits[0].Dispose();
        }

        Assert.Equal([false, true], _said.Select(notice => notice.IsOver));
    }

    [Fact]
    public void Two_things_are_told_each_for_itself()
    {
        using var first = _watch.Begin("a", "x");
        Pass(TimeSpan.FromSeconds(30));
        using var second = _watch.Begin("b", "y");
        Pass(TimeSpan.FromSeconds(90));

        Assert.Equal(["a", "b"], _said.Select(notice => notice.Thing));
        Assert.All(_said, notice => Assert.Equal(TimeSpan.FromMinutes(1), notice.Duration));
        Assert.Equal(2, _watch.Count);
    }

    [Fact]
    public void Who_goes_on_waiting_for_another_reason_has_waited_since_he_began()
    {
        using var wait = _watch.Begin("partition 0", "the brokers give nothing");
        Pass(TimeSpan.FromSeconds(40));
        wait.Begin("an open transaction holds its end");
        Pass(TimeSpan.FromSeconds(20));

        Assert.Equal("an open transaction holds its end", Assert.Single(_said).Reason);
    }

    [Fact]
    public void Whoever_knows_why_is_asked_when_it_is_told_and_not_before()
    {
        var asked = 0;
        using var wait = _watch.Begin("table orders", "a statement is not answered", _ =>
        {
            asked++;
            return Reason("it waits for a lock that process 7 holds");
        });
        Pass(TimeSpan.FromSeconds(59));
        Assert.Equal(0, asked);

        Pass(TimeSpan.FromSeconds(2));
        Assert.Equal((1, "it waits for a lock that process 7 holds"), (asked, Assert.Single(_said).Reason));
    }

    [Fact]
    public void A_reason_that_cannot_be_had_keeps_nobody_from_being_told()
    {
        using var failing = _watch.Begin("a", "no answer", _ => throw new TimeoutException());
        using var hanging = _watch.Begin("b", "no answer", async cancel =>
        {
            // Whoever does not even hear that nobody waits for him any more.
            await new TaskCompletionSource().Task;
            return new WaitReason("never");
        });
        using var knowing = _watch.Begin("c", "no answer", _ => ValueTask.FromResult<WaitReason?>(null));
        Pass(TimeSpan.FromSeconds(90));
        SpinWait.SpinUntil(() => _said.Count == 3, Deadlines.Test);

        Assert.Equal(["a: no answer", "b: no answer", "c: no answer"], _said.Select(notice => $"{notice.Thing}: {notice.Reason}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void What_ends_while_its_reason_is_asked_for_is_not_told()
    {
        var asked = new TaskCompletionSource<WaitReason?>();
        using (_watch.Begin("a", "no answer", async _ => await asked.Task)) Pass(TimeSpan.FromSeconds(61));
        asked.SetResult(new WaitReason("late"));
        Pass(TimeSpan.FromMinutes(1));

        Assert.Empty(_said);
    }

    [Fact]
    public void A_watch_that_has_ended_tells_nothing()
    {
        using var wait = _watch.Begin("a", "no answer");
        _watch.Dispose();
        Pass(TimeSpan.FromMinutes(2));
        wait.End();
        using var late = _watch.Begin("b", "no answer");
        Pass(TimeSpan.FromMinutes(2));

        Assert.Empty(_said);
    }

    [Fact]
    public void Who_goes_on_waiting_for_another_cause_is_told_again_and_of_the_last_one_at_its_end()
    {
        var holder = 7;
        using (_watch.Begin("table orders", "a statement is not answered", _ => Reason($"it waits for process {holder}")))
        {
            Pass(TimeSpan.FromMinutes(3));
            holder = 8;
            Pass(TimeSpan.FromMinutes(3));
        }

        Assert.Equal([("it waits for process 7", false), ("it waits for process 8", false), ("it waits for process 8", true)], _said.Select(notice => (notice.Reason, notice.IsOver)));
        Assert.Equal([TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(4), TimeSpan.FromMinutes(6)], _said.Select(notice => notice.Duration));
    }

    [Fact]
    public void Who_has_been_told_and_says_himself_that_he_waits_for_something_else_is_told_again()
    {
        using var wait = _watch.Begin("partition 0", "nobody leads it");
        Pass(TimeSpan.FromMinutes(1));
        wait.Begin("a transaction holds its end");
        Pass(TimeSpan.FromMinutes(1));

        Assert.Equal(["nobody leads it", "a transaction holds its end"], _said.Select(notice => notice.Reason));
    }

    [Fact]
    public void A_reason_that_only_counts_further_is_told_once()
    {
        using var wait = _watch.Open("partition 0");
        for (var records = 1; records < 1000; records++)
        {
            wait.Begin(new WaitReason($"a transaction holds {records} records", "a transaction"));
            Pass(TimeSpan.FromSeconds(7));
        }

        Assert.Equal("a transaction holds 9 records", Assert.Single(_said).Reason);
    }

    [Fact]
    public void Causes_that_change_all_the_time_are_told_more_and_more_seldom()
    {
        var holder = 0;
        using var wait = _watch.Begin("table orders", "a statement is not answered", _ => Reason($"it waits for process {holder++}"));
        Pass(TimeSpan.FromDays(1));

        Assert.Equal([1, 2, 4, 8, 16, 32, 64, 124, 184], _said.Take(9).Select(notice => notice.Duration.TotalMinutes));
        Assert.InRange(_said.Count, 20, 31);
    }

    [Fact]
    public void A_reason_that_cannot_be_had_any_more_is_as_it_was_told()
    {
        var isKnown = true;
        using var wait = _watch.Begin("table orders", "a statement is not answered", _ => isKnown ? Reason("it waits for process 7") : throw new TimeoutException());
        Pass(TimeSpan.FromMinutes(2));
        isKnown = false;
        Pass(TimeSpan.FromMinutes(5));

        Assert.Equal("it waits for process 7", Assert.Single(_said).Reason);
    }

    [Fact]
    public void When_the_one_of_whom_was_told_waits_no_more_the_others_cause_is_told()
    {
        var first = _watch.Begin("the source", "it reads");
        Pass(TimeSpan.FromSeconds(30));
        using var second = _watch.Begin("the source", "it lists");
        Pass(TimeSpan.FromMinutes(2));
        Assert.Single(_said);

        first.Dispose();
        Pass(TimeSpan.FromMinutes(2));

        Assert.Equal([("it reads", false), ("it lists", false)], _said.Select(notice => (notice.Reason, notice.IsOver)));
    }

    private static ValueTask<WaitReason?> Reason(string text) => ValueTask.FromResult<WaitReason?>(new WaitReason(text));

    private void Pass(TimeSpan duration)
    {
        for (var passed = TimeSpan.Zero; passed < duration; passed += TimeSpan.FromSeconds(1)) _time.Advance(TimeSpan.FromSeconds(1));
    }
}
