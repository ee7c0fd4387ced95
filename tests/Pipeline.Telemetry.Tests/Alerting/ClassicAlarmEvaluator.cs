using System.Text.Json;

namespace Pipeline.Telemetry.Tests.Alerting;

public enum AlarmState
{
    InsufficientData,
    Ok,
    Alarm,
}

/// <summary>A metric of CloudWatch: found by namespace, name and exactly these dimensions.</summary>
public sealed class CloudWatchSeries(string @namespace, string name, IReadOnlyDictionary<string, string> dimensions, IReadOnlyList<(double KnownAt, double Stamp, double Value)> points)
{
    /// <summary>What was sent: when it was known, the time that it carries, in seconds, and the value. Ascending by when it was known.</summary>
    public IReadOnlyList<(double KnownAt, double Stamp, double Value)> Points => points;

    public string Key { get; } = KeyOf(@namespace, name, dimensions);

    public static string KeyOf(string @namespace, string name, IEnumerable<KeyValuePair<string, string>> dimensions) =>
        $"{@namespace}/{name}/{string.Join(',', dimensions.OrderBy(d => d.Key, StringComparer.Ordinal).Select(d => $"{d.Key}={d.Value}"))}";

    /// <summary>A gauge of a table as a node pushes it, with the stamps of the node's clock. A value that is NaN is not sent.</summary>
    public static IReadOnlyList<(double KnownAt, double Stamp, double Value)> Gauge(TableHistory table, Func<int, double> ofSample) =>
        [.. table.Samples.Index().Select(at => (at.Item.At, at.Item.Stamp, ofSample(at.Index))).Where(point => !double.IsNaN(point.Item3))];

    /// <summary>A counter: what was added since the process told the last time.</summary>
    public static IReadOnlyList<(double KnownAt, double Stamp, double Value)> Counter(TableHistory table, Func<Sample, double> total)
    {
        Dictionary<int, double> told = [];
        List<(double, double, double)> points = [];
        foreach (var sample in table.Samples.Where(sample => !double.IsNaN(total(sample))))
        {
            points.Add((sample.At, sample.Stamp, total(sample) - told.GetValueOrDefault(sample.Life)));
            told[sample.Life] = total(sample);
        }
        return points;
    }
}

/// <param name="At">Seconds.</param>
public sealed record StateChange(double At, string Alarm, AlarmState From, AlarmState To);

/// <summary>
/// Evaluates alarms as CloudWatch's documents say it does ("Using Amazon CloudWatch alarms", "Configuring how alarms treat missing
/// data", "Suppressing composite alarm actions"), from the bodies of PutMetricAlarm and PutCompositeAlarm:
/// <code>
/// var evaluator = new ClassicAlarmEvaluator(series, metricAlarms, compositeAlarms);
/// evaluator.Run(history.Length);
/// Judge.Of(history, evaluator.PagesOf("the alarm that pages"));
/// </code>
/// Once a minute every metric alarm looks back over its periods, which end there; M of the last N data points make it ALARM.
/// The documents do not say how many more than N are retrieved; their examples retrieve 5 where N is 3, so it is N + 2 here.
/// A field or a function that is not known here is refused.
/// </summary>
public sealed class ClassicAlarmEvaluator
{
    private const int RetrievedBeyond = 2;

    private readonly List<MetricAlarm> _metricAlarms;
    private readonly List<CompositeAlarm> _compositeAlarms;
    private readonly Dictionary<string, AlarmState> _states = [];
    private readonly List<StateChange> _changes = [];

    public ClassicAlarmEvaluator(IEnumerable<CloudWatchSeries> series, IEnumerable<JsonElement> metricAlarms, IEnumerable<JsonElement> compositeAlarms)
    {
        var minutes = series.GroupBy(s => s.Key, StringComparer.Ordinal).ToDictionary(s => s.Key, s => new Minutes([.. s.SelectMany(one => one.Points).OrderBy(p => p.KnownAt)]), StringComparer.Ordinal);
        _metricAlarms = [.. metricAlarms.Select(body => new MetricAlarm(body, minutes))];
        _compositeAlarms = [.. compositeAlarms.Select(body => new CompositeAlarm(body))];
        foreach (var name in _metricAlarms.Select(a => a.Name).Concat(_compositeAlarms.Select(a => a.Name)))
        {
            if (!_states.TryAdd(name, AlarmState.InsufficientData)) throw new FormatException($"There are two alarms {name}.");
        }
    }

    public IReadOnlyList<StateChange> Changes => _changes;

    /// <param name="seconds">How long; from 0 on.</param>
    public void Run(double seconds)
    {
        for (var now = 60.0; now <= seconds; now += 60)
        {
            foreach (var alarm in _metricAlarms) Change(alarm.Name, now, alarm.Evaluate(now, _states[alarm.Name]));
            foreach (var alarm in _compositeAlarms)
            {
                Change(alarm.Name, now, alarm.IsOn(StateOf) ? AlarmState.Alarm : AlarmState.Ok);
                alarm.Act(now, _states[alarm.Name], alarm.Suppressor is { } suppressor && StateOf(suppressor) == AlarmState.Alarm);
            }
        }
    }

    /// <summary>When the actions for ALARM were carried out, and when the alarm was over.</summary>
    public IReadOnlyList<Page> PagesOf(string alarm)
    {
        List<Page> pages = [];
        var composite = _compositeAlarms.Find(a => a.Name == alarm);
        foreach (var change in _changes.Where(change => change.Alarm == alarm))
        {
            if (change.To == AlarmState.Alarm && composite is null) pages.Add(new Page(change.At));
            if (change.From == AlarmState.Alarm && pages.Count > 0) pages[^1] = pages[^1] with { Cleared = change.At };
        }
        return composite?.Pages ?? pages;
    }

    private AlarmState StateOf(string alarm) => _states.TryGetValue(alarm, out var state) ? state : throw new FormatException($"There is no alarm {alarm}.");

    private void Change(string alarm, double now, AlarmState state)
    {
        var before = _states[alarm];
        if (before == state) return;
        _states[alarm] = state;
        _changes.Add(new StateChange(now, alarm, before, state));
    }

    /// <summary>The state that follows from the points of the evaluation range, the oldest first; null: it stays.</summary>
    internal static AlarmState? Decide(IReadOnlyList<bool?> breaches, int evaluationPeriods, int datapointsToAlarm, string treatMissingData)
    {
        var there = breaches.Where(point => point is not null).Select(point => point!.Value).ToList();
        if (there.Count >= evaluationPeriods) return OkUnless(there.TakeLast(evaluationPeriods).Count(breaching => breaching) >= datapointsToAlarm);
        var breaching = there.Count(point => point);
        if (breaching >= datapointsToAlarm) return AlarmState.Alarm;
        if (treatMissingData == "breaching") return OkUnless(breaching + evaluationPeriods - there.Count >= datapointsToAlarm);
        if (treatMissingData == "notBreaching" || breaching < there.Count) return AlarmState.Ok;
        if (treatMissingData == "ignore") return null;
        // Only breaching points, too few, with gaps: ALARM if the oldest is as old as M points, else the next could still be well.
        var oldest = breaches.Index().FirstOrDefault(point => point.Item == true, (breaches.Count, null)).Index;
        return there.Count > 0 && breaches.Count - oldest >= datapointsToAlarm ? AlarmState.Alarm : AlarmState.InsufficientData;

        static AlarmState OkUnless(bool isOn) => isOn ? AlarmState.Alarm : AlarmState.Ok;
    }

    /// <summary>What is known of each minute, growing as time goes on.</summary>
    private sealed class Minutes(IReadOnlyList<(double KnownAt, double Stamp, double Value)> points)
    {
        private readonly Dictionary<int, (double Sum, int Count, double Min, double Max)> _minutes = [];
        private int _next;

        /// <summary>The statistic over the period that ends at <paramref name="end"/>; NaN when there is nothing.</summary>
        public double Of(double now, double end, double period, string statistic)
        {
            for (; _next < points.Count && points[_next].KnownAt <= now; _next++)
            {
                var (minute, value) = ((int)Math.Floor(points[_next].Stamp / 60), points[_next].Value);
                _minutes[minute] = _minutes.TryGetValue(minute, out var known) ? (known.Sum + value, known.Count + 1, Math.Min(known.Min, value), Math.Max(known.Max, value)) : (value, 1, value, value);
            }
            var (sum, count, min, max) = (0.0, 0, double.PositiveInfinity, double.NegativeInfinity);
            for (var minute = (int)((end - period) / 60); minute < (int)(end / 60); minute++)
            {
                if (_minutes.TryGetValue(minute, out var known)) (sum, count, min, max) = (sum + known.Sum, count + known.Count, Math.Min(min, known.Min), Math.Max(max, known.Max));
            }
            if (count == 0) return double.NaN;
            return statistic switch
            {
                "Average" => sum / count,
                "Sum" => sum,
                "Minimum" => min,
                "Maximum" => max,
                "SampleCount" => count,
                _ => throw new FormatException($"The statistic {statistic} is not known here."),
            };
        }
    }

    private sealed class MetricAlarm
    {
        private static readonly string[] Fields =
        [
            "AlarmName", "AlarmDescription", "ActionsEnabled", "OKActions", "AlarmActions", "InsufficientDataActions", "MetricName", "Namespace", "Statistic", "Dimensions",
            "Period", "Unit", "EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData", "Metrics", "Tags",
        ];

        private readonly Dictionary<string, Minutes> _series;
        private readonly List<(string Id, JsonElement? Stat, string? Expression, bool IsReturned)> _queries = [];
        private readonly int _evaluationPeriods, _datapointsToAlarm, _period;
        private readonly double _threshold;
        private readonly string _comparison, _treatMissingData;

        public MetricAlarm(JsonElement body, Dictionary<string, Minutes> series)
        {
            _series = series;
            Name = body.GetProperty("AlarmName").GetString()!;
            if (body.EnumerateObject().FirstOrDefault(field => !Fields.Contains(field.Name)) is { Value.ValueKind: not JsonValueKind.Undefined } unknown)
                throw new FormatException($"{Name}: the field {unknown.Name} is not known here.");
            _evaluationPeriods = body.GetProperty("EvaluationPeriods").GetInt32();
            _datapointsToAlarm = body.TryGetProperty("DatapointsToAlarm", out var m) ? m.GetInt32() : _evaluationPeriods;
            _threshold = body.GetProperty("Threshold").GetDouble();
            _comparison = body.GetProperty("ComparisonOperator").GetString()!;
            _treatMissingData = body.TryGetProperty("TreatMissingData", out var treat) ? treat.GetString()! : "missing";
            if (_treatMissingData is not ("missing" or "ignore" or "breaching" or "notBreaching")) throw new FormatException($"{Name}: TreatMissingData is {_treatMissingData}.");
            if (body.TryGetProperty("Metrics", out var metrics))
            {
                foreach (var query in metrics.EnumerateArray())
                {
                    _queries.Add((query.GetProperty("Id").GetString()!, query.TryGetProperty("MetricStat", out var stat) ? stat : null,
                        query.TryGetProperty("Expression", out var expression) ? expression.GetString() : null, !query.TryGetProperty("ReturnData", out var returned) || returned.GetBoolean()));
                }
                var periods = _queries.Where(q => q.Stat is not null).Select(q => q.Stat!.Value.GetProperty("Period").GetInt32()).Distinct().ToList();
                if (periods.Count != 1) throw new FormatException($"{Name}: its metrics must have one period, and have {string.Join(", ", periods)}.");
                if (_queries.Count(q => q.Stat is not null) > 10) throw new FormatException($"{Name}: an expression of an alarm takes 10 metrics, not {_queries.Count(q => q.Stat is not null)}.");
                if (_queries.Count(q => q.IsReturned) != 1) throw new FormatException($"{Name}: one query must return data.");
                _period = periods[0];
            }
            else
            {
                _period = body.GetProperty("Period").GetInt32();
                _queries.Add(("m", body, null, true));
            }
            if (_period % 60 != 0 || _period <= 0) throw new FormatException($"{Name}: a period of {_period} s is not judged here.");
            if ((long)_period * _evaluationPeriods > (_period >= 3600 ? 604_800 : 86_400)) throw new FormatException($"{Name}: {_evaluationPeriods} periods of {_period} s are longer than CloudWatch evaluates.");
            if (_datapointsToAlarm > _evaluationPeriods || _datapointsToAlarm < 1) throw new FormatException($"{Name}: {_datapointsToAlarm} of {_evaluationPeriods} data points.");
        }

        public string Name { get; }

        public AlarmState Evaluate(double now, AlarmState current)
        {
            var range = _evaluationPeriods + RetrievedBeyond;
            Dictionary<string, MetricMath.Value> values = [];
            var result = Of(_queries.Single(q => q.IsReturned).Id);
            if (result.Scalar is not null || result.Series.Count != 1) throw new FormatException($"{Name}: an alarm watches one series.");
            return Decide([.. result.Series[0].Select(value => double.IsNaN(value) ? (bool?)null : IsBreaching(value))], _evaluationPeriods, _datapointsToAlarm, _treatMissingData) ?? current;

            MetricMath.Value Of(string id)
            {
                if (values.TryGetValue(id, out var known)) return known;
                var query = _queries.Find(q => q.Id == id);
                if (query.Id is null) throw new FormatException($"{Name}: there is no {id}.");
                return values[id] = query.Stat is { } stat
                    ? MetricMath.Value.Of([.. Enumerable.Range(0, range).Select(at => StatisticOf(stat, now, now - ((range - 1 - at) * _period)))])
                    : MetricMath.Evaluate(query.Expression!, Of, part => MetricMath.Value.Of([.. _queries.Where(q => q.Stat is not null && (part is null || q.Id.Contains(part, StringComparison.Ordinal))).Select(q => Of(q.Id).Series[0])]), _period, range);
            }
        }

        private double StatisticOf(JsonElement stat, double now, double end)
        {
            var metric = stat.TryGetProperty("Metric", out var inner) ? inner : stat;
            var dimensions = metric.TryGetProperty("Dimensions", out var given)
                ? given.EnumerateArray().Select(d => KeyValuePair.Create(d.GetProperty("Name").GetString()!, d.GetProperty("Value").GetString()!)) : [];
            var key = CloudWatchSeries.KeyOf(metric.GetProperty("Namespace").GetString()!, metric.GetProperty("MetricName").GetString()!, dimensions);
            return end <= 0 || !_series.TryGetValue(key, out var minutes) ? double.NaN : minutes.Of(now, end, _period, (stat.TryGetProperty("Stat", out var name) ? name : stat.GetProperty("Statistic")).GetString()!);
        }

        private bool IsBreaching(double value) => _comparison switch
        {
            "GreaterThanThreshold" => value > _threshold,
            "GreaterThanOrEqualToThreshold" => value >= _threshold,
            "LessThanThreshold" => value < _threshold,
            "LessThanOrEqualToThreshold" => value <= _threshold,
            _ => throw new FormatException($"{Name}: the comparison {_comparison} is not known here."),
        };
    }

    private sealed class CompositeAlarm
    {
        private readonly string _rule;
        private readonly double _wait, _extension;
        private readonly bool _acts;
        private readonly List<Page> _pages = [];
        private bool _hasActed, _wasOn, _wasSuppressed;
        private double _actsAt;

        public CompositeAlarm(JsonElement body)
        {
            Name = body.GetProperty("AlarmName").GetString()!;
            _rule = body.GetProperty("AlarmRule").GetString()!;
            _acts = !body.TryGetProperty("ActionsEnabled", out var enabled) || enabled.GetBoolean();
            if (!body.TryGetProperty("ActionsSuppressor", out var suppressor)) return;
            Suppressor = NameOf(suppressor.GetString()!);
            _wait = body.GetProperty("ActionsSuppressorWaitPeriod").GetDouble();
            _extension = body.GetProperty("ActionsSuppressorExtensionPeriod").GetDouble();
        }

        public string Name { get; }
        public string? Suppressor { get; }
        public IReadOnlyList<Page> Pages => _pages;

        public bool IsOn(Func<string, AlarmState> stateOf) => AlarmRule.Evaluate(_rule, name => stateOf(NameOf(name)));

        /// <summary>
        /// Actions wait for the suppressor after the alarm begins, do not happen while it is in ALARM, and happen the extension
        /// after it has gone, if the alarm is still on.
        /// </summary>
        public void Act(double now, AlarmState state, bool isSuppressed)
        {
            var isOn = state == AlarmState.Alarm;
            if (isOn && !_wasOn) (_hasActed, _actsAt) = (false, now + (Suppressor is null ? 0 : _wait));
            if (isOn && _wasSuppressed && !isSuppressed) _actsAt = now + _extension;
            if (isOn && !_hasActed && !isSuppressed && now >= _actsAt && _acts)
            {
                _hasActed = true;
                _pages.Add(new Page(now));
            }
            if (!isOn && _wasOn && _hasActed) _pages[^1] = _pages[^1] with { Cleared = now };
            (_wasOn, _wasSuppressed) = (isOn, isSuppressed);
        }

        private static string NameOf(string nameOrArn) => nameOrArn.StartsWith("arn:", StringComparison.Ordinal) ? nameOrArn.Split(':', 7)[6] : nameOrArn;
    }

    /// <summary><c>ALARM(x)</c>, <c>OK(x)</c>, <c>INSUFFICIENT_DATA(x)</c>, <c>TRUE</c>, <c>FALSE</c>, <c>AND</c>, <c>OR</c>, <c>NOT</c> and parentheses.</summary>
    private sealed class AlarmRule(string rule, Func<string, AlarmState> stateOf)
    {
        private int _at;

        public static bool Evaluate(string rule, Func<string, AlarmState> stateOf)
        {
            var evaluated = new AlarmRule(rule, stateOf);
            var isOn = evaluated.Or();
            return evaluated._at >= rule.TrimEnd().Length ? isOn : throw evaluated.Refused();
        }

        private bool Or()
        {
            var isOn = And();
            while (Take("OR")) isOn |= And();
            return isOn;
        }

        private bool And()
        {
            var isOn = Not();
            while (Take("AND")) isOn &= Not();
            return isOn;
        }

        private bool Not()
        {
            if (Take("NOT")) return !Not();
            if (Take("TRUE")) return true;
            if (Take("FALSE")) return false;
            if (Take("("))
            {
                var inner = Or();
                return Take(")") ? inner : throw Refused();
            }
            AlarmState? wanted = Take("ALARM") ? AlarmState.Alarm : Take("OK") ? AlarmState.Ok : Take("INSUFFICIENT_DATA") ? AlarmState.InsufficientData : null;
            if (wanted is null || !Take("(")) throw Refused();
            var end = rule.IndexOf(')', _at);
            if (end < 0) throw Refused();
            var name = rule[_at..end].Trim().Trim('"');
            _at = end + 1;
            return stateOf(name) == wanted;
        }

        private bool Take(string token)
        {
            while (_at < rule.Length && char.IsWhiteSpace(rule[_at])) _at++;
            if (!rule.AsSpan(_at).StartsWith(token, StringComparison.Ordinal)) return false;
            _at += token.Length;
            return true;
        }

        private FormatException Refused() => new($"The rule {rule} is not understood at {_at}.");
    }
}
