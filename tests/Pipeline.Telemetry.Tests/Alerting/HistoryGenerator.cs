namespace Pipeline.Telemetry.Tests.Alerting;

/// <summary>
/// Draws histories of tables, from the words of the requirement alone: it knows no rule and no alarm.
/// <code>
/// foreach (var history in HistoryGenerator.All(seed, HistoryGenerator.OfEachClass))   // one after another: LateTable has 300 tables
///     judgements.Add(Judge.Of(history, pages: ...));                     // see Judge
/// HistoryGenerator.Draw(HistoryClass.SlowDown, seed, index)              // one of them again
/// History.Tables[i].Samples                                              // what was measured, minute by minute
/// History.Tables[i].Derive(() => { var forecast = new ...; return sample => ...; })   // a gauge that the process computes
/// </code>
/// A world is drawn and run (<see cref="World"/>); one that is not of its class by what truly happened is drawn again.
/// </summary>
public static class HistoryGenerator
{
    /// <summary>What has breached is to be told within this time, in seconds, if nobody could know of it before.</summary>
    public const double Grace = 600;

    private const double Minute = 60, Hour = 3600;

    public static IReadOnlyList<HistoryClass> Classes { get; } = Enum.GetValues<HistoryClass>();

    /// <summary><c>PIPELINE_SEED</c>, or one that is always the same; by night also one by chance.</summary>
    public static IReadOnlyList<int> Seeds { get; } = Environment.GetEnvironmentVariable("PIPELINE_SEED") is { } given ? [int.Parse(given)]
        : Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1" ? [13, System.Random.Shared.Next()]
        : [13];

    public static bool IsNightly { get; } = Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1";

    /// <summary>How many of each class: all that are asked for by night, else one of each kind that a class has.</summary>
    public static int OfEachClass { get; } = IsNightly ? 20 : 5;

    /// <summary>So many of each class; of that with 300 tables all by night, else one.</summary>
    public static IEnumerable<History> All(int seed, int ofEachClass) => Classes.SelectMany(drawn => Of(drawn, seed, ofEachClass));

    /// <inheritdoc cref="All"/>
    public static IEnumerable<History> Of(HistoryClass drawn, int seed, int ofEachClass) =>
        Enumerable.Range(0, drawn == HistoryClass.LateTable && ofEachClass < 20 ? 1 : ofEachClass).Select(index => Draw(drawn, seed, index, ofEachClass));

    /// <param name="of">How many of the class are drawn: they share its range out among them.</param>
    public static History Draw(HistoryClass drawn, int seed, int index, int of = 20)
    {
        for (var attempt = 0; attempt < 200; attempt++)
        {
            var random = new Random(HashOf(seed, (int)drawn, index, attempt));
            var draw = new Draft(random, index, (index + random.NextDouble()) / of);
            var history = drawn switch
            {
                HistoryClass.SlowDown => SlowDown(draw),
                HistoryClass.BriefSlowDown => BriefSlowDown(draw),
                HistoryClass.SuddenStop => SuddenStop(draw),
                HistoryClass.SawTooth => SawTooth(draw),
                HistoryClass.Restart => Restart(draw),
                HistoryClass.RollingDeployment => RollingDeployment(draw),
                HistoryClass.BacklogInTime => BacklogInTime(draw),
                HistoryClass.BacklogTooLate => BacklogTooLate(draw),
                HistoryClass.IdleSource => IdleSource(draw),
                HistoryClass.ClockStep => ClockStep(draw),
                HistoryClass.LateTable => LateTable(draw),
                HistoryClass.Flapping => Flapping(draw),
                _ => HealthyNoise(draw),
            };
            if (history is not null) return history with { Class = drawn, Seed = seed, Index = index };
        }
        throw new InvalidOperationException($"No {drawn} could be drawn from seed {seed}, index {index}.");
    }

    private static History? SlowDown(Draft d)
    {
        var slope = 1.1 * Math.Pow(4 / 1.1, d.Share);
        var (sla, onset) = (d.Sla(slow: true), d.Between(1.5, 8) * Hour);
        var crossing = sla * slope / (slope - 1);
        if (crossing > 60 * Hour) return null;
        var (rate, cause, ramp) = (d.Rate(), d.Of(3), d.Between(10, 60) * Minute);
        var (usual, rhythm) = (rate / d.Between(0.3, 0.85), d.Chance(0.3) ? d.Between(0.02, 0.12) : 0);
        var world = d.World(sla, onset + (crossing * 1.4) + (2 * Hour));
        world.Arrivals = t => Rhythm(t, rhythm) * (cause == 2 && t >= onset ? slope * usual : rate);
        world.Capacity = (t, _) => t < onset || cause == 2 ? usual : cause == 1 ? Math.Max(rate / slope, usual + ((rate - usual) * (t - onset) / ramp)) : rate / slope;
        var story = $"from minute {onset / Minute:0} slope {slope:0.00}, {(cause switch { 0 => "capacity falls at once", 1 => $"capacity falls within {ramp / Minute:0} min", _ => "arrivals grow" })}, {rate:0.#} records/s";
        return Breaching(world, story, onset);
    }

    private static History? BriefSlowDown(Draft d)
    {
        var (slope, sla, onset, rate) = (d.Between(1.1, 4), d.Sla(slow: true), d.Between(1.5, 6) * Hour, d.Rate());
        var reach = d.Between(0.1, 0.5);
        var end = onset + (reach * sla / (1 - (1 / slope)));
        if (end > 40 * Hour) return null;
        var usual = rate / d.Between(0.3, 0.7);
        var world = d.World(sla, end + (3 * Hour));
        world.Arrivals = _ => rate;
        world.Capacity = (t, _) => t >= onset && t < end ? rate / slope : usual;
        return Quiet(world, $"from minute {onset / Minute:0} to {end / Minute:0} slope {slope:0.00}, up to {reach:P0} of the SLA") is { } history ? history with { Paging = Paging.May } : null;
    }

    private static History? SuddenStop(Draft d)
    {
        var (sla, onset, rate, kind) = (d.Sla(), d.Between(1.5, 8) * Hour, d.Rate(), d.Index % 4);
        var world = d.World(sla, onset + sla + (70 * Minute), layer: kind == 3 ? d.Chance(0.5) ? "silver" : "gold" : "bronze");
        var usual = rate / d.Between(0.15, 0.8);
        var isIdle = kind == 1 && d.Chance(0.3);
        world.Arrivals = t => isIdle && t > onset - Hour ? 0 : rate;
        world.Capacity = (t, _) => kind == 0 && t >= onset ? 0 : usual;
        if (kind is 1 or 3) world.CanLook = t => t < onset;
        if (kind == 2) world.Owners.Add(new World.Ownership(0, onset, 0, 0));
        return Breaching(world, $"at minute {onset / Minute:0} {(kind switch { 0 => "the table is stuck", 1 => $"the source goes away{(isIdle ? ", idle" : "")}", 2 => "the process dies for good", _ => "the layer's job runs no more" })}", onset);
    }

    private static History? SawTooth(Draft d)
    {
        var period = (d.Chance(0.75) ? 60 : d.Pick(20.0, 30, 45, 90)) * Minute;
        var (kind, peak) = (d.Index % 4, d.Between(0.3, 0.95));
        var length = d.Between(10, 24) * Hour;
        if (kind < 2) return BatchesOfTheSource(d, period, length, peak, landsAtOnce: kind == 1);

        // The pipeline looks once a period: freshness climbs to the period and the run, and falls.
        var run = d.Between(1, 10) * Minute;
        var sla = d.Chance(0.5) ? Math.Max(7200, Math.Ceiling((period + (2 * run)) / 0.95 / 300) * 300) : Math.Ceiling((period + (1.4 * run)) / d.Between(0.7, 0.97) / 300) * 300;
        var rate = d.Rate();
        var (delay, jitter) = (d.Between(0, period), d.Between(0, 3) * Minute);
        var knowsLag = kind == 3;
        var world = d.World(sla, length, lookEvery: World.Step, commitEvery: d.Between(1, 6) * 10, layer: !knowsLag && d.Chance(0.6) ? "gold" : "bronze");
        var starts = Enumerable.Range(0, (int)(length / period) + 2).Select(i => ((i - 1) * period) + delay + d.Between(0, jitter)).ToArray();
        bool Runs(double t) => starts.Any(start => t >= start && t < start + run);
        world.Arrivals = t => rate * Rhythm(t, 0.3);
        world.Capacity = (t, _) => Runs(t) ? rate * period / run * 1.8 : 0;
        if (!knowsLag) world.CanLook = Runs;
        return Quiet(world, $"runs of {run / Minute:0} min every {period / Minute:0} min, the lag is known {(knowsLag ? "all the time" : "at a run")}, layer {world.Layer}");
    }

    private static History? BatchesOfTheSource(Draft d, double period, double length, double peak, bool landsAtOnce)
    {
        var sla = d.Chance(0.5) ? 7200 : d.Sla();
        var drain = Math.Min(peak * sla, 0.8 * period);
        var (capacity, trickle, spread) = (d.Rate(), d.Chance(0.5) ? d.Between(0.001, 0.05) : 0, d.Between(0.1, 0.7));
        var world = d.World(sla, length, landsAtOnce: landsAtOnce);
        world.Arrivals = _ => capacity * trickle;
        world.Capacity = (_, _) => capacity;
        for (var at = d.Between(0, period); at < length; at += period)
        {
            // One batch comes in one go or in parts within some minutes; none is larger than what is landed in time.
            var (size, parts) = (capacity * drain * (1 - (spread * d.Between(0, 1))), d.Chance(0.5) ? 1 : 1 + d.Of(5));
            var moment = at + d.Between(0, 3 * Minute);
            for (var part = 0; part < parts; part++) world.Bursts.Add((moment + (part * d.Between(0.2, 1) * Minute), size / parts));
        }
        return Quiet(world, $"the source brings batches every {period / Minute:0} min that take up to {drain / Minute:0} min{(landsAtOnce ? ", each landed at once" : "")}");
    }

    private static History? Restart(Draft d)
    {
        var (sla, rate, length) = (d.Sla(), d.Rate(), d.Between(6, 12) * Hour);
        var usual = rate / d.Between(0.15, 0.75);
        var isIdle = d.Chance(0.2);
        var world = d.World(sla, length, forgetsLooks: d.Chance(0.3), looksAfter: d.Between(1, 9) * 10);
        world.Arrivals = t => isIdle && t > Hour ? 0 : rate * Rhythm(t, 0.2);
        world.Capacity = (_, _) => usual;
        var (from, times, away) = (0.0, d.Chance(0.6) ? 1 : 2 + d.Of(3), 0.0);
        for (var i = 0; i < times; i++)
        {
            var at = (2 * Hour) + ((length - (3 * Hour)) * (i + d.Between(0, 0.6)) / times);
            away = d.Between(1, 10) * Minute;
            world.Owners.Add(new World.Ownership(from, at, d.Of(2), i));
            from = at + away;
        }
        world.Owners.Add(new World.Ownership(from, double.PositiveInfinity, 0, times));
        return Quiet(world, $"{times} restarts, the last of {away / Minute:0.0} min{(isIdle ? ", with an idle source" : "")}", alsoMeasured: false);
    }

    private static History? RollingDeployment(Draft d)
    {
        var (sla, rate, nodes) = (d.Sla(), d.Rate(), 3 + d.Of(8));
        var usual = rate / d.Between(0.15, 0.9);
        var (away, between, handover) = (d.Between(0.5, 3) * Minute, d.Between(0, 4) * Minute, d.Between(10, 80));
        var start = d.Between(1.5, 4) * Hour;
        var restarts = Enumerable.Range(0, nodes).Select(node => (Node: node, From: start + (node * (away + between)), To: start + (node * (away + between)) + away)).ToArray();
        var world = d.World(sla, restarts[^1].To + (2 * Hour), looksAfter: d.Between(1, 4) * 10);
        world.Arrivals = _ => rate;
        world.Capacity = (t, _) => restarts.Any(r => t >= r.From && t < r.To) ? usual * (nodes - 1) / nodes : usual;
        // The table goes to the next node when its owner goes: to one that has restarted, or to one that will, and so it moves again.
        var (owner, from, moves) = (d.Of(nodes), 0.0, 0);
        foreach (var (node, goes, _) in restarts)
        {
            if (node != owner) continue;
            world.Owners.Add(new World.Ownership(from, goes, owner, LifeOf(owner, goes - 1)));
            (owner, from) = (node + 1 < nodes && d.Chance(0.8) ? node + 1 : (node + nodes - 1) % nodes, goes + handover);
            moves++;
        }
        world.Owners.Add(new World.Ownership(from, double.PositiveInfinity, owner, LifeOf(owner, double.PositiveInfinity)));
        return Quiet(world, $"{nodes} nodes from minute {start / Minute:0}, each away for {away / Minute:0.0} min, {moves} moves of {handover:0} s");

        int LifeOf(int node, double at) => node + (at >= restarts[node].To ? nodes : 0);
    }

    private static History? BacklogInTime(Draft d)
    {
        var (sla, onset, rate, kind) = (d.Sla(), d.Between(1.5, 4) * Hour, d.Rate(), d.Index % 4);
        var (peak, surplus) = (0.3 + (0.62 * d.Share), d.Between(1.2, 6));
        if (kind == 3) peak = Math.Min(peak, 12 * Minute / sla);
        var away = peak * sla;
        var world = d.World(sla, onset + away + (away / (surplus - 1)) + (2 * Hour), commitEvery: 10 + (10 * d.Of(3)));
        world.Arrivals = t => kind == 2 && t >= onset && t < onset + away ? 0 : rate;
        world.Capacity = (t, _) => kind == 0 && t >= onset && t < onset + away ? 0 : rate * surplus;
        if (kind == 1) world.CanLook = t => t < onset || t >= onset + away;
        // What was held back above the source comes at once, all of one moment.
        if (kind == 2) world.Bursts.Add((onset + away, peak * sla * rate * surplus));
        if (kind == 3) world.Owners.AddRange([new World.Ownership(0, onset, 0, 0), new World.Ownership(onset + away, double.PositiveInfinity, 0, 1)]);
        var story = $"{Outage(kind)} from minute {onset / Minute:0} for {away / Minute:0} min, then {surplus:0.0} times what arrives";
        return Quiet(world, story) is { } history && (kind == 3 || history.Tables[0].Truth.Max() >= 0.3 * sla) ? history : null;
    }

    private static History? BacklogTooLate(Draft d)
    {
        var (sla, onset, rate, kind) = (d.Sla(slow: true), d.Between(1.5, 4) * Hour, d.Rate(), d.Index % 4);
        var (away, slope) = (d.Between(0.15, 0.55) * sla, d.Between(1.1, 3));
        if (kind == 2)
        {
            // All of one moment, at a source that is otherwise kept up with: the lag shrinks from the start, and is too long.
            var (surplus, times) = (d.Between(1.2, 5), d.Between(1.15, 3));
            var flood = d.World(sla, onset + away + (times * sla * 1.3) + Hour);
            flood.Arrivals = t => t >= onset && t < onset + away ? 0 : rate;
            flood.Capacity = (_, _) => rate * surplus;
            flood.Bursts.Add((onset + away, times * sla * rate * surplus));
            return Breaching(flood, $"{Outage(2)} from minute {onset / Minute:0} for {away / Minute:0} min, then a flood of {times:0.0} SLAs", onset + away);
        }
        var crossing = (sla - away) / (1 - (1 / slope));
        if (crossing > 40 * Hour) return null;
        var (pause, usual) = (d.Between(4, 10) * Minute, rate / d.Between(0.3, 0.8));
        var world = d.World(sla, onset + away + (crossing * 1.4) + (2 * Hour));
        world.Arrivals = _ => rate;
        world.Capacity = (t, _) => t < onset ? usual
            : kind != 1 && t < onset + away ? 0
            // It lands for a while and rests for a while, less than what arrives on the whole.
            : kind == 3 ? (t - onset - away) % (2 * pause) < pause ? 2 * rate / slope : 0
            : t < onset + away ? usual : rate / slope;
        if (kind == 1) world.CanLook = t => t < onset || t >= onset + away;
        return Breaching(world, $"{Outage(kind == 1 ? 1 : 0)} from minute {onset / Minute:0} for {away / Minute:0} min, then slope {slope:0.00}{(kind == 3 ? $" with rests of {pause / Minute:0} min" : "")}", onset)
            is { } history && history.Breach > onset + away + (20 * Minute) ? history : null;
    }

    private static History? IdleSource(Draft d)
    {
        var (sla, rate) = (d.Sla(), d.Rate());
        var (evening, night, ramp) = (d.Between(2, 4) * Hour, d.Between(6, 12) * Hour, d.Between(1, 30) * Minute);
        var (strays, usual) = (d.Chance(0.4) ? d.Between(0.5, 6) / Hour : 0, rate / d.Between(0.2, 0.7));
        var world = d.World(sla, evening + night + (3 * Hour), lookEvery: d.Chance(0.3) ? Math.Min(600, sla / 6) : World.Step, layer: d.Chance(0.2) ? "silver" : "bronze");
        world.Arrivals = t => t < evening ? rate : t < evening + night ? strays : rate * Math.Min(1, (t - evening - night + 10) / ramp);
        world.Capacity = (_, _) => usual;
        // What a morning begins with is larger than what it goes on with.
        if (d.Chance(0.4)) world.Bursts.Add((evening + night, rate * d.Between(1, 10) * Minute * Math.Min(1, sla / 3600)));
        return Quiet(world, $"nothing from minute {evening / Minute:0} for {night / Hour:0.0} h{(strays > 0 ? " but strays" : "")}, layer {world.Layer}");
    }

    private static History? ClockStep(Draft d)
    {
        var (sla, rate, at, kind) = (d.Sla(), d.Rate(), d.Between(2, 5) * Hour, d.Index % 5);
        var by = 5 * Math.Pow(6 * Hour / 5, d.Between(0, 1));
        var sign = d.Chance(0.5) ? 1 : -1;
        var until = at + (d.Between(1, 10) * Minute);
        var world = d.World(sla, d.Between(7, 11) * Hour, knowsOnlyEmptyLooks: kind == 3 || d.Chance(0.5), layer: kind < 2 && d.Chance(0.2) ? "gold" : "bronze");
        var usual = rate / d.Between(0.2, 0.8);
        world.Arrivals = t => rate * Rhythm(t, 0.2);
        world.Capacity = (_, _) => usual;
        string story;
        switch (kind)
        {
            case 0 or 1:
                by *= kind == 0 ? 1 : -1;
                world.NodeClock = t => t >= at && t < until ? by : 0;
                story = $"the node's clock is {by:0} s ahead for {(until - at) / Minute:0.0} min";
                break;
            case 2:
                by = sign * d.Between(5, 120);
                world.NodeClock = t => t >= at ? by : 0;
                story = $"the node's clock is {by:0} s ahead for good";
                break;
            case 3:
                world.SourceClock = t => t >= at ? sign * by : 0;
                story = $"the source's clock is {sign * by:0} s ahead for good";
                break;
            default:
                // A machine that slept: its clock stands where it was, until it is set.
                world.NodeClock = t => t >= at && t < until + (5 * Minute) ? at - until : 0;
                world.Owners.AddRange([new World.Ownership(0, at, 0, 0), new World.Ownership(until, double.PositiveInfinity, 0, 0)]);
                story = $"the machine sleeps for {(until - at) / Minute:0.0} min and its clock is behind for five more";
                break;
        }
        return Quiet(world, $"at minute {at / Minute:0} {story}", alsoMeasured: false);
    }

    private static History? LateTable(Draft d)
    {
        var (sla, usualSla, onset, kind, late) = (d.Pick(1800.0, 3600, 7200, 7200), d.Chance(0.7) ? 7200.0 : 14400, d.Between(1.5, 2.5) * Hour, d.Index % 4, d.Of(300));
        var slope = d.Between(2, 4);
        var length = onset + (kind == 3 ? sla * slope / (slope - 1) * 1.2 : sla) + (40 * Minute);
        var tables = new TableHistory[300];
        for (var i = 0; i < tables.Length; i++)
        {
            var (isLate, rate) = (i == late, d.Rate());
            var isGold = isLate ? kind == 2 : d.Chance(0.1);
            var (usual, isIdle) = (rate / d.Between(0.1, 0.7), !isLate && d.Chance(0.2));
            var world = d.World(isLate ? sla : usualSla, length, layer: isGold ? "gold" : "bronze", scrapesMissed: 0, table: $"{(isGold ? "gold" : "bronze/shop")}/t{i:000}");
            world.Arrivals = _ => isIdle ? 0 : rate;
            world.Capacity = (t, _) => !isLate || t < onset ? usual : kind == 0 ? 0 : kind == 3 ? rate / slope : usual;
            if (isLate && kind is 1 or 2) world.CanLook = t => t < onset;
            if (!isLate && !isIdle && d.Chance(0.1))
            {
                (world.Arrivals, var at) = (_ => 0, d.Between(0, Hour));
                for (; at < length; at += Hour) world.Bursts.Add((at, usual * d.Between(0.05, 0.5) * usualSla));
            }
            tables[i] = world.Run();
        }
        var truth = tables[late].Truth;
        var breach = FirstBreach(truth, sla, onset);
        if (breach is null || tables.Where((_, i) => i != late).Any(t => t.Truth.Max() > 0.9 * t.Sla)) return null;
        var story = $"{tables[late].Table} {(kind switch { 0 => "is stuck", 1 => "is not looked at", 2 => "has a job that runs no more", _ => $"is slower by {slope:0.0}" })} from minute {onset / Minute:0}, SLA {sla / Minute:0} min beside {usualSla / Minute:0}";
        return new History(HistoryClass.LateTable, 0, 0, story, length, tables, Paging.Must, onset, breach, PageBy: breach + Grace, Culprit: tables[late].Table);
    }

    private static History? Flapping(Draft d)
    {
        var (sla, onset, rate) = (d.Sla(), d.Between(1.5, 3) * Hour, d.Rate());
        if (sla > 6 * Hour) return null;
        var (lasts, surplus) = (d.Between(1.5, 5) * Hour, d.Between(2, 4));
        var end = onset + sla + lasts;
        if (d.Index % 3 == 2) return Crashing(d, sla, onset, end, rate);

        // Landing stops above the SLA and resumes below it, again and again.
        var world = d.World(sla, end + (3 * Hour), commitEvery: 10);
        var (high, low, lands) = (0.0, 0.0, false);
        Turn();
        world.Arrivals = _ => rate;
        world.Capacity = (t, freshness) =>
        {
            if (t < onset || t >= end) return 3 * rate;
            if (lands ? freshness < low : freshness > high)
            {
                lands = !lands;
                if (!lands) Turn();
            }
            return lands ? surplus * rate : 0;
        };
        var table = world.Run();
        var crossings = table.Truth.Zip(table.Truth.Skip(1)).Count(pair => pair.First <= sla && pair.Second > sla);
        var breach = FirstBreach(table.Truth, sla, onset);
        if (crossings < 4 || breach is null) return null;
        return new History(default, 0, 0, $"freshness passes the SLA {crossings} times from minute {breach / Minute:0} to {end / Minute:0}", world.Length, [table], Paging.Must,
            onset, breach, Healthy(table.Truth, sla, end), PageBy: end, PagesOnce: true, Culprit: table.Table);

        void Turn() => (high, low) = (sla + (d.Between(1.5, 8) * Minute), sla - (d.Between(1.5, Math.Min(10, sla / Minute / 3)) * Minute));
    }

    private static History? Crashing(Draft d, double sla, double onset, double end, double rate)
    {
        var world = d.World(sla, end + (3 * Hour));
        var (at, life) = (onset, 1);
        world.Owners.Add(new World.Ownership(0, onset, 0, 0));
        while (at < end)
        {
            var (up, down) = (d.Between(2, 6) * Minute, d.Between(1, 4) * Minute);
            world.Owners.Add(new World.Ownership(at + down, at + down + up, 0, life++));
            at += down + up;
        }
        world.Owners.Add(new World.Ownership(at + Minute, double.PositiveInfinity, 0, life));
        world.Arrivals = _ => rate;
        world.Capacity = (t, _) => t >= onset && t < end ? 0 : 3 * rate;
        return Breaching(world, $"from minute {onset / Minute:0} to {end / Minute:0} the process dies {life - 1} times before it has landed anything", onset, hasEnd: true) is { } history
            ? history with { End = Healthy(history.Tables[0].Truth, sla, end), PagesOnce = true }
            : null;
    }

    private static History? HealthyNoise(Draft d)
    {
        var (sla, rate, length) = (d.Sla(), d.Chance(0.25) ? d.Between(0.005, 0.5) : d.Rate(), d.Between(12, 30) * Hour);
        var rhythm = d.Between(0, 0.8);
        var usual = rate * (1 + rhythm) / d.Between(0.3, 0.9);
        var world = d.World(sla, length, noise: d.Between(0.05, 0.35), scrapesMissed: d.Chance(0.5) ? d.Between(0, 0.08) : 0);
        world.Arrivals = t => rate * Rhythm(t, rhythm);
        var pauses = Enumerable.Range(0, 1 + d.Of(12)).Select(_ => (At: d.Between(0, length), Lasts: d.Between(0.2, 5) * Minute * Math.Min(1, sla / 3600))).ToArray();
        world.Capacity = (t, _) => pauses.Any(p => t >= p.At && t < p.At + p.Lasts) ? 0 : usual;
        return Quiet(world, $"{rate:0.###} records/s, rhythm {rhythm:P0}, noise {world.Noise:P0}, {pauses.Length} pauses");
    }

    private static string Outage(int kind) => kind switch { 0 => "nothing can be landed", 1 => "the source is away", 2 => "nothing arrives", _ => "the process is away" };

    /// <summary>Around 1, lowest at a quarter of the day.</summary>
    private static double Rhythm(double time, double amplitude) => 1 - (amplitude * Math.Sin(2 * Math.PI * time / (24 * Hour)));

    /// <summary>A history that must page; null when it does not breach, or was not well before.</summary>
    private static History? Breaching(World world, string story, double onset, bool hasEnd = false)
    {
        var table = world.Run();
        var breach = FirstBreach(table.Truth, table.Sla, onset);
        if (breach is null || (!hasEnd && table.Truth.Skip((int)(breach.Value / 60)).Take(15).Any(freshness => freshness < table.Sla))) return null;
        var length = hasEnd ? world.Length : Math.Min(world.Length, breach.Value + Hour);
        var seen = table with { Samples = [.. table.Samples.TakeWhile(sample => sample.At <= length)], Truth = [.. table.Truth.Take((int)(length / 60) + 1)] };
        return new History(default, 0, 0, story, length, [seen], Paging.Must, onset, breach, PageBy: breach + Grace, Culprit: table.Table);
    }

    /// <summary>A history that must not page; null when freshness comes too near to the SLA.</summary>
    /// <param name="alsoMeasured">Whether that holds of what was measured too, which a clock or a start may have spoilt.</param>
    private static History? Quiet(World world, string story, bool alsoMeasured = true)
    {
        var table = world.Run();
        var peak = table.Truth.Max();
        if (alsoMeasured) peak = Math.Max(peak, table.Samples.Max(sample => sample.Freshness));
        return peak > 0.96 * table.Sla ? null : new History(default, 0, 0, $"{story}; freshness up to {peak / table.Sla:P0} of the SLA", world.Length, [table], Paging.MustNot);
    }

    /// <returns>Seconds; null too when it was more than half of the SLA before the onset, or breaches with it.</returns>
    private static double? FirstBreach(IReadOnlyList<double> truth, double sla, double onset)
    {
        var first = truth.Index().FirstOrDefault(at => at.Item > sla, (-1, 0)).Index;
        return first * 60 <= onset || truth.Take((int)(onset / 60)).Max() > 0.5 * sla ? null : first * 60;
    }

    private static double? Healthy(IReadOnlyList<double> truth, double sla, double after)
    {
        var last = truth.Index().Last(at => at.Item > sla).Index;
        return Math.Max(after, (last + 1) * 60);
    }

    /// <summary>Not <see cref="HashCode"/>: it differs from process to process.</summary>
    private static int HashOf(params ReadOnlySpan<int> values)
    {
        var hash = 2166136261u;
        foreach (var value in values)
        {
            for (var shift = 0; shift < 32; shift += 8) hash = (hash ^ ((uint)(value >> shift) & 0xFF)) * 16777619;
        }
        return (int)(hash & int.MaxValue);
    }

    /// <summary>What is drawn for one history.</summary>
    /// <param name="Index">Which of its class: what comes in kinds takes them in turn.</param>
    /// <param name="Share">From 0 to 1, spread evenly over the class.</param>
    private sealed record Draft(Random Random, int Index, double Share)
    {
        public double Between(double from, double to) => from + ((to - from) * Random.NextDouble());

        public bool Chance(double share) => Random.NextDouble() < share;

        public int Of(int count) => Random.Next(count);

        public T Pick<T>(params ReadOnlySpan<T> values) => values[Random.Next(values.Length)];

        /// <summary>Records a second, from a few to thousands.</summary>
        public double Rate() => 2 * Math.Pow(5_000, Random.NextDouble());

        /// <summary>Two hours in half of all cases; a slow breach of an SLA of a quarter of an hour can hardly be told a quarter of an hour before.</summary>
        public double Sla(bool slow = false) => Chance(0.5) ? 7200
            : slow ? Pick(1800.0, 3600, 3600, 5400, 10800, 14400, 14400, 21600, 43200, 86400)
            : Pick(900.0, 1800, 2700, 3600, 3600, 5400, 10800, 14400, 21600, 43200, 86400);

        public World World(
            double sla, double length, double lookEvery = Alerting.World.Step, double? commitEvery = null, bool landsAtOnce = false, bool? knowsOnlyEmptyLooks = null, bool forgetsLooks = false,
            double looksAfter = 20, double? noise = null, double scrapesMissed = 0.005, string layer = "bronze", string? table = null) => new()
            {
                Random = new Random(Random.Next()), Length = length, Sla = sla, Layer = layer, Table = table ?? $"{layer}{(layer == "bronze" ? "/shop" : "")}/orders",
                Arrivals = _ => 0, Capacity = (_, _) => 0, LookEvery = lookEvery, CommitEvery = commitEvery ?? 10 * (1 + Of(6)), LandsAtOnce = landsAtOnce,
                KnowsOnlyEmptyLooks = knowsOnlyEmptyLooks ?? Chance(0.5), ForgetsLooks = forgetsLooks, LooksAfter = looksAfter, Noise = noise ?? Between(0.02, 0.2), ScrapesMissed = scrapesMissed,
            };
    }
}
