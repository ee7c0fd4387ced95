using System.Globalization;

namespace Pipeline.Telemetry.Tests.Alerting;

/// <summary>
/// Metric math, as far as an alarm of ours may use it, by CloudWatch's documents ("Using metric math"):
/// <c>+ - * / ^</c>, <c>== != &lt; &lt;= &gt; &gt;=</c>, <c>AND OR &amp;&amp; ||</c>, arrays <c>[a, b]</c>, <c>IF FILL RATE DIFF DIFF_TIME ABS CEIL FLOOR
/// MAX MIN SUM AVG METRICS METRIC_COUNT PERIOD TIME_SERIES</c>. What is not of it is refused: an alarm that was not understood is not judged.
/// </summary>
/// <remarks>
/// A series has a value or none (NaN) for each period of the evaluation range. Between two series the one that has no value
/// counts as 0; where neither has one there is none; what would be divided by 0 is dropped.
/// </remarks>
internal sealed class MetricMath
{
    private readonly string _text;
    private readonly Func<string, Value> _idOf;
    private readonly Func<string?, Value> _metrics;
    private readonly double _period;
    private readonly int _length;
    private int _at;

    private MetricMath(string text, Func<string, Value> idOf, Func<string?, Value> metrics, double period, int length) =>
        (_text, _idOf, _metrics, _period, _length) = (text, idOf, metrics, period, length);

    /// <summary>A scalar, a series or an array of series.</summary>
    internal sealed record Value(double? Scalar, IReadOnlyList<double[]> Series, bool IsArray = false)
    {
        public static Value Of(double scalar) => new(scalar, []);

        public static Value Of(double[] series) => new(null, [series]);

        public static Value Of(IReadOnlyList<double[]> array) => new(null, array, IsArray: true);
    }

    /// <param name="idOf">The metric or expression of an id.</param>
    /// <param name="metrics">All metrics, or those whose id contains a word.</param>
    /// <param name="length">Periods in the evaluation range.</param>
    public static Value Evaluate(string expression, Func<string, Value> idOf, Func<string?, Value> metrics, double period, int length)
    {
        var math = new MetricMath(expression, idOf, metrics, period, length);
        var value = math.Or();
        return math.Rest().Length == 0 ? value : throw math.Refused($"'{math.Rest()}' was not expected");
    }

    private Value Or()
    {
        var left = And();
        while (Take("||") || TakeWord("OR")) left = Combine(left, And(), (a, b) => a != 0 || b != 0 ? 1 : 0);
        return left;
    }

    private Value And()
    {
        var left = Comparison();
        while (Take("&&") || TakeWord("AND")) left = Combine(left, Comparison(), (a, b) => a != 0 && b != 0 ? 1 : 0);
        return left;
    }

    private Value Comparison()
    {
        var left = Sum();
        if (Take("==")) return Combine(left, Sum(), (a, b) => a == b ? 1 : 0);
        if (Take("!=")) return Combine(left, Sum(), (a, b) => a != b ? 1 : 0);
        if (Take("<=")) return Combine(left, Sum(), (a, b) => a <= b ? 1 : 0);
        if (Take(">=")) return Combine(left, Sum(), (a, b) => a >= b ? 1 : 0);
        if (Take("<")) return Combine(left, Sum(), (a, b) => a < b ? 1 : 0);
        return Take(">") ? Combine(left, Sum(), (a, b) => a > b ? 1 : 0) : left;
    }

    private Value Sum()
    {
        var left = Product();
        while (true)
        {
            if (Take("+")) left = Combine(left, Product(), (a, b) => a + b);
            else if (Take("-")) left = Combine(left, Product(), (a, b) => a - b);
            else return left;
        }
    }

    private Value Product()
    {
        var left = Power();
        while (true)
        {
            if (Take("*")) left = Combine(left, Power(), (a, b) => a * b);
            else if (Take("/")) left = Combine(left, Power(), (a, b) => b == 0 ? double.NaN : a / b);
            else return left;
        }
    }

    private Value Power()
    {
        if (Take("-")) return Each(Power(), series => [.. series.Select(value => -value)]);
        var left = Primary();
        return Take("^") ? Combine(left, Power(), Math.Pow) : left;
    }

    private Value Primary()
    {
        if (Take("("))
        {
            var inner = Or();
            return Take(")") ? inner : throw Refused("')' is missing");
        }
        if (Take("["))
        {
            var elements = Arguments("]");
            return Value.Of([.. elements.SelectMany(element => element.Scalar is { } scalar ? [Constant(scalar)] : element.Series)]);
        }
        var word = Word();
        if (word.Length == 0) throw Refused("a number, an id or a function was expected");
        if (double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)) return Value.Of(number);
        if (!Take("(")) return _idOf(word);
        if (word == "METRICS")
        {
            var part = Take("\"") ? _text[_at..(_at = _text.IndexOf('"', _at))] : null;
            if (part is not null) Take("\"");
            return Take(")") ? _metrics(part) : throw Refused("')' is missing");
        }
        return Call(word, word == "FILL" ? FillArguments() : Arguments(")"));
    }

    private Value Call(string function, IReadOnlyList<Value> arguments) => (function, arguments) switch
    {
        ("IF", [var condition, var then]) => If(condition, then, null),
        ("IF", [var condition, var then, var otherwise]) => If(condition, then, otherwise),
        ("FILL", [var of, var with]) => Each(of, series => [.. series.Select((value, at) => double.IsNaN(value) ? with.Scalar ?? with.Series[0][at] : value)]),
        ("RATE", [var of]) => Each(of, series => Differences(series, (change, periods) => change / (periods * _period))),
        ("DIFF", [var of]) => Each(of, series => Differences(series, (change, _) => change)),
        ("DIFF_TIME", [var of]) => Each(of, series => Differences(series, (_, periods) => periods * _period)),
        ("ABS", [var of]) => Each(of, series => [.. series.Select(Math.Abs)]),
        ("CEIL", [var of]) => Each(of, series => [.. series.Select(Math.Ceiling)]),
        ("FLOOR", [var of]) => Each(of, series => [.. series.Select(Math.Floor)]),
        ("MAX", [var of]) => Aggregate(of, values => values.Max()),
        ("MIN", [var of]) => Aggregate(of, values => values.Min()),
        ("SUM", [var of]) => Aggregate(of, values => values.Sum()),
        // Of an array a missing value counts as 0 here, and only here.
        ("AVG", [var of]) => of.IsArray ? Aggregate(of, values => values.Sum() / of.Series.Count) : Aggregate(of, values => values.Average()),
        ("METRIC_COUNT", [var of]) => Value.Of(of.Series.Count),
        ("PERIOD", [_]) => Value.Of(_period),
        ("TIME_SERIES", [{ Scalar: { } scalar }]) => Value.Of(Constant(scalar)),
        _ => throw Refused($"{function} with {arguments.Count} arguments is not known here"),
    };

    private IReadOnlyList<Value> FillArguments()
    {
        var of = Or();
        if (!Take(",")) throw Refused("FILL needs what to fill with");
        var isRepeat = TakeWord("REPEAT");
        if (TakeWord("LINEAR")) throw Refused("FILL with LINEAR is not known here");
        var with = isRepeat ? Value.Of(0) : Or();
        if (!Take(")")) throw Refused("')' is missing");
        return isRepeat ? [Each(of, Repeated), with] : [of, with];

        static double[] Repeated(double[] series)
        {
            var last = double.NaN;
            return [.. series.Select(value => last = double.IsNaN(value) ? last : value)];
        }
    }

    private Value If(Value condition, Value then, Value? otherwise)
    {
        if (condition.Scalar is { } scalar) return scalar != 0 ? then : otherwise ?? Value.Of(Constant(double.NaN));
        if (condition.Series.Count != 1) throw Refused("IF needs one series");
        return Value.Of([.. condition.Series[0].Select((value, at) => double.IsNaN(value) ? double.NaN
            // A value that is missing counts as 0 where the condition holds, and is dropped where it does not.
            : value != 0 ? then.Scalar ?? (double.IsNaN(then.Series[0][at]) ? 0 : then.Series[0][at])
            : otherwise is null ? double.NaN : otherwise.Scalar ?? otherwise.Series[0][at])]);
    }

    private Value Combine(Value left, Value right, Func<double, double, double> operation)
    {
        if (left.Scalar is { } a && right.Scalar is { } b) return Value.Of(operation(a, b));
        if (left.IsArray && right.IsArray) throw Refused("two arrays cannot be combined");
        if (right.Scalar is { } scalar) return Each(left, series => [.. series.Select(value => double.IsNaN(value) ? value : operation(value, scalar))]);
        if (left.Scalar is { } first) return Each(right, series => [.. series.Select(value => double.IsNaN(value) ? value : operation(first, value))]);
        return right.IsArray ? Each(right, series => Both(left.Series[0], series)) : Each(left, series => Both(series, right.Series[0]));

        double[] Both(double[] one, double[] other) => [.. one.Zip(other, (x, y) => double.IsNaN(x) && double.IsNaN(y) ? double.NaN : operation(double.IsNaN(x) ? 0 : x, double.IsNaN(y) ? 0 : y))];
    }

    private static Value Each(Value of, Func<double[], double[]> change) => of.Scalar is { } scalar ? Value.Of(change([scalar])[0]) : of with { Series = [.. of.Series.Select(change)] };

    /// <summary>Of one series a scalar; of an array a series.</summary>
    private Value Aggregate(Value of, Func<IReadOnlyList<double>, double> aggregate)
    {
        if (!of.IsArray) return Value.Of(Over(of.Series[0]));
        return Value.Of([.. Enumerable.Range(0, _length).Select(at => Over(of.Series.Select(series => series[at])))]);

        double Over(IEnumerable<double> values) => values.Where(value => !double.IsNaN(value)).ToList() is { Count: > 0 } there ? aggregate(there) : double.NaN;
    }

    private static double[] Differences(double[] series, Func<double, int, double> of)
    {
        var result = new double[series.Length];
        var last = -1;
        for (var at = 0; at < series.Length; at++)
        {
            result[at] = last < 0 || double.IsNaN(series[at]) ? double.NaN : of(series[at] - series[last], at - last);
            if (!double.IsNaN(series[at])) last = at;
        }
        return result;
    }

    private double[] Constant(double value) => [.. Enumerable.Repeat(value, _length)];

    private List<Value> Arguments(string end)
    {
        List<Value> arguments = [];
        do arguments.Add(Or());
        while (Take(","));
        return Take(end) ? arguments : throw Refused($"'{end}' is missing");
    }

    private string Word()
    {
        Space();
        var from = _at;
        while (_at < _text.Length && (char.IsAsciiLetterOrDigit(_text[_at]) || _text[_at] is '_' or '.')) _at++;
        return _text[from.._at];
    }

    private bool Take(string token)
    {
        Space();
        if (!_text.AsSpan(_at).StartsWith(token, StringComparison.Ordinal)) return false;
        _at += token.Length;
        return true;
    }

    private bool TakeWord(string word)
    {
        Space();
        var end = _at + word.Length;
        return (end >= _text.Length || !(char.IsAsciiLetterOrDigit(_text[end]) || _text[end] == '_')) && Take(word);
    }

    private void Space()
    {
        while (_at < _text.Length && char.IsWhiteSpace(_text[_at])) _at++;
    }

    private string Rest()
    {
        Space();
        return _text[_at..];
    }

    private FormatException Refused(string why) => new($"The expression {_text} at {_at}: {why}.");
}
