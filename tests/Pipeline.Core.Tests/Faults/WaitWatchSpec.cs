using Microsoft.Extensions.Time.Testing;

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
            return ValueTask.FromResult<string?>("it waits for a lock that process 7 holds");
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
            return "never";
        });
        using var knowing = _watch.Begin("c", "no answer", _ => ValueTask.FromResult<string?>(null));
        Pass(TimeSpan.FromSeconds(90));
        SpinWait.SpinUntil(() => _said.Count == 3, TimeSpan.FromMinutes(1));

        Assert.Equal(["a: no answer", "b: no answer", "c: no answer"], _said.Select(notice => $"{notice.Thing}: {notice.Reason}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void What_ends_while_its_reason_is_asked_for_is_not_told()
    {
        var asked = new TaskCompletionSource<string?>();
        using (_watch.Begin("a", "no answer", async _ => await asked.Task)) Pass(TimeSpan.FromSeconds(61));
        asked.SetResult("late");
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

    private void Pass(TimeSpan duration)
    {
        for (var passed = TimeSpan.Zero; passed < duration; passed += TimeSpan.FromSeconds(1)) _time.Advance(TimeSpan.FromSeconds(1));
    }
}
