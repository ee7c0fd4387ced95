using Pipeline.Core;
using Pipeline.Testing;
using Pipeline.Transform.Engines.Emr;

namespace Pipeline.Transform.Tests.Engines.Emr;

/// <summary>
/// What real failed jobs have printed: for each file of <c>data/spark-stderr</c> what a reader finds in it. Texts in the files are cut off
/// where they were long.
/// </summary>
public sealed class SparkOutputSpec
{
    private const string Folder = "data/spark-stderr";

    private const string Captured = "pyspark.errors.exceptions.captured.";
    private const string Spark = "org.apache.spark.";

    public static TheoryData<string, string, string, FaultKind> Read { get; } = new()
    {
        { "01-parse", $"{Captured}ParseException", "[PARSE_SYNTAX_ERROR] Syntax error at or near ','.(line 1, pos 15)", FaultKind.Invalid },
        { "02-column", $"{Captured}AnalysisException", "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column or function parameter with name `user_idd` cannot be resolved. Did you mean one of the following? [`id`].; line 1 pos 7", FaultKind.Invalid },
        { "03-ambiguous", $"{Captured}AnalysisException", "[AMBIGUOUS_REFERENCE] Reference `id` is ambiguous, could be: [`x`.`id`, `y`.`id`].; line 1 pos 7", FaultKind.Invalid },
        { "04-table", $"{Captured}AnalysisException", "[TABLE_OR_VIEW_NOT_FOUND] The table or view `silver__users` cannot be found.", FaultKind.Invalid },
        { "05-function", $"{Captured}AnalysisException", "[UNRESOLVED_ROUTINE] Cannot resolve function `json_extract_string` on search path", FaultKind.Invalid },
        { "06-mismatch", $"{Captured}AnalysisException", "[DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE] Cannot resolve \"date_add(x, array(1))\" due to data type mismatch", FaultKind.Invalid },
        { "07-union", $"{Captured}AnalysisException", "[NUM_COLUMNS_MISMATCH] UNION can only be performed on inputs with the same number of columns", FaultKind.Invalid },
        { "08-subquery", $"{Spark}SparkException", "[SCALAR_SUBQUERY_TOO_MANY_ROWS] More than one row returned by a subquery used as an expression", FaultKind.Invalid },
        { "09-missingpath", $"{Captured}AnalysisException", "[PATH_NOT_FOUND] Path does not exist: file:/data/in/none.parquet", FaultKind.Damaged },
        { "10-vanished", $"{Spark}SparkFileNotFoundException", "File file:/job/gone.parquet does not exist", FaultKind.Damaged },
        { "11-notparquet", "java.lang.RuntimeException", "file:/job/text.parquet is not a Parquet file. Expected magic number at tail, but found [32, 97, 108, 108]", FaultKind.Damaged },
        { "12-truncated", "java.lang.RuntimeException", "file:/job/trunc.parquet is not a Parquet file. Expected magic number at tail, but found [-36, 13, 8, 0]", FaultKind.Damaged },
        { "13-badpage", "java.io.IOException", $"FAILED_TO_UNCOMPRESS(5) ({Spark}SparkException: Encountered error while reading file file:///job/badpage.parquet. Details)", FaultKind.Damaged },
        { "14-widening", $"{Spark}SparkException", "Parquet column cannot be converted in file file:///data/in/types/int32.parquet. Column: [v], Expected: bigint, Found: INT32", FaultKind.Damaged },
        { "15-pyworker", $"{Captured}PythonException", "ZeroDivisionError: integer division or modulo by zero", FaultKind.Invalid },
        { "16-pycrash", $"{Spark}SparkException", "Python worker exited unexpectedly (crashed)", FaultKind.Defect },
        { "17-s3a", "java.lang.RuntimeException", "java.lang.ClassNotFoundException: Class org.apache.hadoop.fs.s3a.S3AFileSystem not found", FaultKind.Invalid },
        { "18-noscheme", "org.apache.hadoop.fs.UnsupportedFileSystemException", "No FileSystem for scheme \"s3\"", FaultKind.Invalid },
        { "19-noclass", "TypeError", "'JavaPackage' object is not callable", FaultKind.Invalid },
        { "20-nodatasource", $"{Spark}SparkClassNotFoundException", "[DATA_SOURCE_NOT_FOUND] Failed to find the data source: delta.", FaultKind.Invalid },
        { "21-ansi_overflow", $"{Spark}SparkArithmeticException", "[CAST_OVERFLOW] The value 2147483648L of", FaultKind.Invalid },
        { "22-ansi_cast", $"{Spark}SparkNumberFormatException", "[CAST_INVALID_INPUT] The value 'x0' of the type \"STRING\" cannot be cast to \"INT\" because it is malformed.", FaultKind.Invalid },
        { "23-ansi_div", $"{Spark}SparkArithmeticException", "[DIVIDE_BY_ZERO] Division by zero. Use `try_divide` to tolerate divisor being 0 and return NULL instead.", FaultKind.Invalid },
        { "24-ansi_decimal", $"{Spark}SparkArithmeticException", "[NUMERIC_VALUE_OUT_OF_RANGE] 1000 cannot be represented as Decimal(3, 1).", FaultKind.Invalid },
        { "25-resultsize", $"{Spark}SparkException", "Job aborted due to stage failure: Total size of serialized results of 1 tasks (17.8 MiB) is bigger than spark.driver.maxResultSize (1024.0 KiB)", FaultKind.TooLarge },
        { "26-exists", $"{Captured}AnalysisException", "[PATH_ALREADY_EXISTS] Path file:/job/exists already exists.", FaultKind.Defect },
        { "27-badregex", "java.util.regex.PatternSyntaxException", "Unclosed character class near index 1", FaultKind.Invalid },
        { "28-deep", "java.lang.StackOverflowError", "", FaultKind.TooLarge },
        { "30-keyerror", "KeyError", "'steps'", FaultKind.Defect },
        { "31-ancient", $"{Spark}SparkUpgradeException", "[INCONSISTENT_BEHAVIOR_CROSS_VERSION.WRITE_ANCIENT_DATETIME] You may get a different result due to", FaultKind.Invalid },
        { "32-outofdir", "java.io.IOException", "Mkdirs failed to create file:/proc/nothing/out/_temporary/0/_temporary/attempt_202611281218131515291688330989441_0000_m_000000_0", FaultKind.NotAuthorised },
        { "33-nopython", "java.io.IOException", "Cannot run program \"/data/v35/bin/python\": error=13, Permission denied", FaultKind.Invalid },
        { "34-diskfull", "java.io.IOException", "No space left on device", FaultKind.StorageFull },
        { "35-taskoom", "java.lang.OutOfMemoryError", "Java heap space", FaultKind.TooLarge },
        { "36-broadcastoom", $"{Spark}SparkException", "Job aborted due to stage failure: Task 0 in stage 0.0 failed 1 times, most recent failure: Lost task 0.0 in stage 0.0 (TID 0) (localhost executor driver): TaskResultLost (result lost from block manager)", FaultKind.TooLarge },
        { "37-driveroom", $"{Spark}SparkException", "Job aborted due to stage failure: Exception while getting task result: java.lang.IllegalStateException: unread block data", FaultKind.TooLarge },
        { "38-interrupted", "the job was ended from outside without a word, by SIGTERM (exit code 143)", "", FaultKind.Unreachable },
    };

    [Theory, MemberData(nameof(Read))]
    public void The_first_line_is_the_exception_and_its_message(string file, string exception, string message, FaultKind kind)
    {
        var (stderr, stdout, exitCode) = Split(file);

        foreach (var remains in (SparkRemains[])
        [
            new() { Stdout = stdout, Stderr = stderr, ExitCode = exitCode },
            new() { Stdout = stdout.Replace("\n", "\r\n"), Stderr = stderr.Replace("\n", "\r\n"), ExitCode = exitCode },
            // Both in one file, as a container's log may be.
            new() { Stderr = $"{stderr}{stdout}", ExitCode = exitCode },
            new() { Stdout = $"{stderr}{stdout}", ExitCode = exitCode },
        ])
        {
            var error = SparkFailure.Of("Run silver/users#12", remains);

            Assert.StartsWith($"Run silver/users#12: {exception}{(message.Length == 0 ? "" : $": {message}")}", error.Message.Split('\n')[0], StringComparison.Ordinal);
            Assert.Equal((kind, "Run silver/users#12"), (error.Kind, error.Thing));
            Assert.EndsWith(error.NextStep, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Every_file_is_read()
    {
        var folder = SharedFiles.Find(Folder);
        Assert.SkipWhen(folder is null, $"There is no folder shared/{Folder} beside this checkout.");

        Assert.Equal(Directory.EnumerateFiles(folder, "*.txt").Select(Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal), Read.Select(row => row.Data.Item1));
    }

    /// <summary>A file holds both streams below a line each, and the exit code in its first line.</summary>
    private static (string Stderr, string Stdout, int ExitCode) Split(string file)
    {
        var folder = SharedFiles.Find(Folder);
        Assert.SkipWhen(folder is null, $"There is no folder shared/{Folder} beside this checkout.");
        var lines = File.ReadAllLines(Path.Combine(folder, $"{file}.txt"));
        var stdout = Array.FindIndex(lines, line => line.StartsWith("## stdout", StringComparison.Ordinal));
        return (string.Concat(lines[2..stdout].Select(line => $"{line}\n")), string.Concat(lines[(stdout + 1)..].Select(line => $"{line}\n")), int.Parse(lines[0].Split("exit code ")[1]));
    }
}
