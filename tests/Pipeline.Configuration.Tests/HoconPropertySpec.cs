using System.Text;
using CsCheck;

namespace Pipeline.Configuration.Tests;

public sealed class HoconPropertySpec
{
    private static readonly Gen<string> Names = Gen.Char["abcxyz-_09"].Array[1, 6].Select(letters => new string(letters));

    private static readonly Gen<string> Texts = Gen.OneOf(
        Gen.String,
        Gen.Char["ab \"\\\n${}[]=:,#/.é\u2028"].Array[0, 12].Select(letters => new string(letters)));

    private static readonly Gen<ConfigValue> Scalars = Texts.Select(text => (ConfigValue)new ConfigScalar(text, default));

    private static readonly Gen<ConfigObject> Objects = Gen.Recursive<ConfigValue>((depth, value) =>
            depth >= 3 ? Scalars
            : Gen.Frequency(
                (3, Scalars),
                (1, value.Array[0, 3].Select(items => (ConfigValue)new ConfigList(items, default))),
                (2, Fields(value))))
        .Array[1, 4].Select(values => new ConfigObject(values.Index().ToDictionary(pair => $"k{pair.Index}", pair => pair.Item), default));

    [Fact]
    public void Reads_back_whatever_was_written() =>
        Gen.Select(Objects, Gen.Int[0, int.MaxValue]).Sample((section, style) =>
        {
            var text = new Writer(new Random(style)).Write(section);

            return ConfigValueText.Show(HoconFiles.Parse(text)) == ConfigValueText.Show(section);
        }, iter: 2000);

    [Fact]
    public void Reads_or_refuses_any_text_and_always_ends() =>
        Gen.Char["ab1 \n\t\"\\${}?[]=:,#/.+\0é"].Array[0, 40].Select(letters => new string(letters)).Sample(text =>
        {
            try
            {
                HoconFiles.Parse(text);
            }
            catch (ConfigurationException e)
            {
                Assert.All(e.Problems, problem => Assert.InRange(problem.Location.Line, 1, text.Count(c => c == '\n') + 1));
            }
        }, iter: 20_000);

    [Fact]
    public void A_later_file_wins_setting_by_setting() =>
        Gen.Select(Objects, Objects).Sample((earlier, later) =>
        {
            var root = new HoconFiles()
                .With("main.conf", "include \"earlier.conf\"\ninclude \"later.conf\"")
                .With("earlier.conf", new Writer(new Random(1)).Write(earlier))
                .With("later.conf", new Writer(new Random(2)).Write(later))
                .Read();

            return ConfigValueText.Show(root) == ConfigValueText.Show(Merge(earlier, later));
        }, iter: 500);

    private static Gen<ConfigValue> Fields(Gen<ConfigValue> value) =>
        Gen.Select(Names, value).Array[0, 4].Select(pairs => (ConfigValue)new ConfigObject(
            pairs.DistinctBy(pair => pair.Item1, StringComparer.Ordinal).ToDictionary(pair => pair.Item1, pair => pair.Item2, StringComparer.Ordinal), default));

    private static ConfigObject Merge(ConfigObject earlier, ConfigObject later)
    {
        var fields = new Dictionary<string, ConfigValue>(earlier.Fields, StringComparer.Ordinal);
        foreach (var (key, value) in later.Fields)
            fields[key] = value is ConfigObject right && fields.GetValueOrDefault(key) is ConfigObject left ? Merge(left, right) : value;
        return new ConfigObject(fields, default);
    }

    /// <summary>Writes a tree in one of the many ways HOCON allows.</summary>
    private sealed class Writer(Random random)
    {
        private readonly StringBuilder _text = new();

        public string Write(ConfigObject root)
        {
            WriteFields(root, "");
            return _text.ToString();
        }

        private void WriteFields(ConfigObject section, string indent)
        {
            foreach (var (key, value) in section.Fields)
            {
                _text.Append(indent).Append(random.Next(3) == 0 ? $"\"{key}\"" : key);
                if (value is ConfigObject && random.Next(2) == 0) _text.Append(' ');
                else _text.Append(random.Next(2) == 0 ? " = " : ": ");
                WriteValue(value, indent + "  ");
                _text.Append(random.Next(3) switch { 0 => ",\n", 1 => " # a comment, {\n", _ => "\n// another ]\n" });
            }
        }

        private void WriteValue(ConfigValue value, string indent)
        {
            switch (value)
            {
                case ConfigScalar scalar:
                    WriteText(scalar.Text);
                    break;
                case ConfigList list:
                    _text.Append('[');
                    foreach (var item in list.Items)
                    {
                        WriteValue(item, indent);
                        _text.Append(random.Next(2) == 0 ? ", " : "\n");
                    }

                    _text.Append(']');
                    break;
                case ConfigObject section:
                    _text.Append("{\n");
                    WriteFields(section, indent);
                    _text.Append(indent).Append('}');
                    break;
            }
        }

        private void WriteText(string text)
        {
            if (text.Length > 0 && text != "null" && text.All(char.IsAsciiLetterOrDigit)) _text.Append(text);
            else if (random.Next(2) == 0 && !text.Contains("\"\"\"", StringComparison.Ordinal) && !text.EndsWith('"')) _text.Append("\"\"\"").Append(text).Append("\"\"\"");
            else _text.Append(Quote(text));
        }

        private static string Quote(string text)
        {
            var quoted = new StringBuilder("\"");
            foreach (var c in text)
            {
                if (c is '"' or '\\') quoted.Append('\\').Append(c);
                else if (char.IsAsciiLetterOrDigit(c)) quoted.Append(c);
                else quoted.Append($"\\u{(int)c:x4}");
            }

            return quoted.Append('"').ToString();
        }
    }
}
