using System.IO.Compression;
using System.Text;
using Pipeline.Core;
using Pipeline.Transform.Engines.Emr;

namespace Pipeline.Transform.Tests.Engines.Emr;

/// <summary>Shapes of failed jobs: what is told of each first, as what kind, and that nothing is told which nobody may see.</summary>
public sealed class SparkFailureSpec
{
    private const string Traceback = """
        Traceback (most recent call last):
          File "/mnt/tmp/medallion_job.py", line 812, in <module>
            sys.exit(main(sys.argv[1:]))

        """;

    private const string Stage = "org.apache.spark.SparkException: Job aborted due to stage failure: Task 3 in stage 7.0 failed 4 times, most recent failure: Lost task 3.3 in stage 7.0 (TID 91) (ip-10-0-3-7.ec2.internal executor 4): ";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    // What Spark's Python raises of its own, of this and other releases.
    [InlineData("pyspark.errors.exceptions.captured.ArithmeticException: [DIVIDE_BY_ZERO] Division by zero.", "pyspark.errors.exceptions.captured.ArithmeticException: [DIVIDE_BY_ZERO] Division by zero", FaultKind.Invalid)]
    [InlineData("pyspark.sql.utils.AnalysisException: Column 'a' does not exist. Did you mean one of the following? [b]; line 1 pos 7;\n'Project ['a]", "pyspark.sql.utils.AnalysisException: Column 'a' does not exist. Did you mean one of the following? [b]; line 1 pos 7", FaultKind.Invalid)]
    [InlineData("pyspark.errors.exceptions.captured.IllegalArgumentException: The value of property spark.app.name must not be null", "pyspark.errors.exceptions.captured.IllegalArgumentException: The value of property spark.app.name must not be null", FaultKind.Invalid)]
    [InlineData("pyspark.errors.exceptions.captured.ParseException: \n\n[UNSUPPORTED_DATATYPE] Unsupported data type \"NUMBER\".(line 1, pos 17)\n\n== SQL ==", "pyspark.errors.exceptions.captured.ParseException: [UNSUPPORTED_DATATYPE] Unsupported data type \"NUMBER\".(line 1, pos 17)", FaultKind.Invalid)]
    // Plain Python.
    [InlineData("ModuleNotFoundError: No module named 'pyspark'", "ModuleNotFoundError: No module named 'pyspark'", FaultKind.Invalid)]
    [InlineData("MemoryError", "MemoryError (without a message)", FaultKind.TooLarge)]
    [InlineData("OSError: [Errno 28] No space left on device: '/mnt/tmp/blockmgr'", "OSError: [Errno 28] No space left on device: '/mnt/tmp/blockmgr'", FaultKind.StorageFull)]
    [InlineData("AssertionError", "AssertionError (without a message)", FaultKind.Defect)]
    [InlineData("UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte", "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte", FaultKind.Defect)]
    [InlineData("botocore.exceptions.ClientError: An error occurred (AccessDenied) when calling the GetObject operation: Access Denied", "botocore.exceptions.ClientError: An error occurred (AccessDenied) when calling the GetObject operation: Access Denied", FaultKind.NotAuthorised)]
    public void What_Python_says_last_is_told(string last, string told, FaultKind kind) => Told(new SparkRemains { Stdout = Traceback + last + "\n", ExitCode = 1 }, told, kind);

    [Theory]
    [InlineData("com.amazon.ws.emr.hadoop.fs.shaded.com.amazonaws.services.s3.model.AmazonS3Exception: Access Denied (Service: Amazon S3; Status Code: 403; Error Code: AccessDenied; Request ID: X; S3 Extended Request ID: Y; Proxy: null)", "", "", FaultKind.NotAuthorised)]
    [InlineData("java.nio.file.AccessDeniedException: s3://lake/silver/users/x-1: getFileStatus: AmazonS3Exception: Forbidden", "", "", FaultKind.NotAuthorised)]
    [InlineData("org.apache.hadoop.security.AccessControlException: Permission denied: user=hadoop, access=WRITE", "", "", FaultKind.NotAuthorised)]
    [InlineData("com.amazonaws.services.s3.model.AmazonS3Exception: The specified bucket does not exist (Service: Amazon S3; Status Code: 404; Error Code: NoSuchBucket)", "", "", FaultKind.Missing)]
    [InlineData("com.amazonaws.services.s3.model.AmazonS3Exception: Please reduce your request rate. (Service: Amazon S3; Status Code: 503; Error Code: SlowDown)", "", "", FaultKind.Unreachable)]
    [InlineData("com.amazonaws.SdkClientException: Unable to execute HTTP request: Connect to lake.s3.amazonaws.com:443 failed: connect timed out", "java.net.SocketTimeoutException: connect timed out", "", FaultKind.Unreachable)]
    [InlineData("java.lang.NoSuchMethodError: 'scala.collection.immutable.Seq a.b.c()'", "", "", FaultKind.Invalid)]
    [InlineData("java.lang.IllegalArgumentException: Required executor memory (20480 MB), offHeap memory (0) MB, overhead (2048 MB), and PySpark memory (0 MB) is above the max threshold (12288 MB) of this cluster!", "", "", FaultKind.Invalid)]
    [InlineData("org.apache.spark.SparkException: Could not execute broadcast in 300 secs. You can increase the timeout for broadcasts via spark.sql.broadcastTimeout", "", "", FaultKind.TooLarge)]
    [InlineData("java.lang.reflect.InvocationTargetException", "java.net.UnknownHostException: metastore.internal", "java.net.UnknownHostException: metastore.internal", FaultKind.Unreachable)]
    [InlineData("org.apache.spark.SparkException: Exception thrown in awaitResult: ", "java.net.ConnectException: Connection refused", "java.net.ConnectException: Connection refused (org.apache.spark.SparkException: Exception thrown in awaitResult)", FaultKind.Unreachable)]
    [InlineData("org.apache.spark.SparkException: Job 4 cancelled because SparkContext was shut down", "", "", FaultKind.Unreachable)]
    [InlineData("org.apache.spark.SparkClassNotFoundException: [DATA_SOURCE_NOT_FOUND] Failed to find the data source: hudi.", "java.lang.ClassNotFoundException: hudi.DefaultSource", "org.apache.spark.SparkClassNotFoundException: [DATA_SOURCE_NOT_FOUND] Failed to find the data source: hudi (java.lang.ClassNotFoundException: hudi.DefaultSource)", FaultKind.Invalid)]
    public void What_the_JVM_has_thrown_into_Python_is_told(string head, string cause, string told, FaultKind kind)
    {
        var stdout = $"{Traceback}py4j.protocol.Py4JJavaError: An error occurred while calling o211.parquet.\n: {head}\n\tat org.apache.spark.A.b(A.scala:1)\n{(cause.Length == 0 ? "" : $"Caused by: {cause}\n\tat java.base/java.B.c(B.java:2)\n\t... 26 more\n")}\n";

        Told(new SparkRemains { Stdout = stdout, Stderr = "26/11/28 12:00:00 WARN NativeCodeLoader: Unable to load native-hadoop library\n", ExitCode = 1 }, told.Length > 0 ? told : head, kind);
    }

    [Theory]
    [InlineData("org.apache.spark.SparkDateTimeException: [CAST_INVALID_INPUT] The value 'soon' of the type \"STRING\" cannot be cast to \"TIMESTAMP\"", "", "org.apache.spark.SparkDateTimeException: [CAST_INVALID_INPUT] The value 'soon' of the type \"STRING\" cannot be cast to \"TIMESTAMP\"", FaultKind.Invalid)]
    [InlineData("org.apache.spark.SparkException: [FAILED_READ_FILE.NO_HINT] Encountered error while reading file s3://lake/a.parquet.", "java.io.IOException: Could not read footer for file", "java.io.IOException: Could not read footer for file (org.apache.spark.SparkException: [FAILED_READ_FILE.NO_HINT] Encountered error while reading file s3://lake/a.parquet)", FaultKind.Damaged)]
    [InlineData("ExecutorLostFailure (executor 4 exited caused by one of the running tasks) Reason: Container killed by YARN for exceeding physical memory limits. 11.1 GB of 11 GB physical memory used. Consider boosting spark.executor.memoryOverhead.", "", Stage + "ExecutorLostFailure (executor 4 exited caused by one of the running tasks) Reason: Container killed by YARN for exceeding physical memory limits. 11.1 GB of 11 GB physical memory used. Consider boosting spark.executor.memoryOverhead", FaultKind.TooLarge)]
    [InlineData("ExecutorLostFailure (executor 4 exited caused by one of the running tasks) Reason: Container from a bad node: container_1_0001_01_000005 on host: ip-10-0-3-7. Exit status: 137.", "", Stage + "ExecutorLostFailure (executor 4 exited caused by one of the running tasks) Reason: Container from a bad node: container_1_0001_01_000005 on host: ip-10-0-3-7. Exit status: 137", FaultKind.TooLarge)]
    [InlineData("ExecutorLostFailure (executor 9 exited unrelated to the running tasks) Reason: Slave lost", "", Stage + "ExecutorLostFailure (executor 9 exited unrelated to the running tasks) Reason: Slave lost", FaultKind.Unreachable)]
    [InlineData("FetchFailed(BlockManagerId(2, ip-10-0-3-9, 7337, None), shuffleId=3, mapIndex=1, mapId=4, reduceId=5, message=", "", Stage + "FetchFailed(BlockManagerId(2, ip-10-0-3-9, 7337, None), shuffleId=3, mapIndex=1, mapId=4, reduceId=5, message=", FaultKind.Unreachable)]
    [InlineData("org.apache.spark.memory.SparkOutOfMemoryError: Unable to acquire 65536 bytes of memory, got 0", "", "org.apache.spark.memory.SparkOutOfMemoryError: Unable to acquire 65536 bytes of memory, got 0", FaultKind.TooLarge)]
    public void What_a_task_has_thrown_is_told(string thrown, string cause, string told, FaultKind kind)
    {
        var frames = "\tat org.apache.spark.X.y(X.scala:3)\n";
        var caused = cause.Length == 0 ? "" : $"Caused by: {cause}\n{frames}\t... 15 more\n";
        var stdout = $"{Traceback}py4j.protocol.Py4JJavaError: An error occurred while calling o90.parquet.\n: {Stage}{thrown}\n{frames}{caused}\nDriver stacktrace:\n{frames}{caused}\n";

        Told(new SparkRemains { Stdout = stdout, ExitCode = 1 }, told, kind);
    }

    [Fact]
    public void Behind_a_result_that_was_lost_the_memory_that_ran_out_is_told_where_the_log_says_so() => Told(new SparkRemains
    {
        Stdout = $"{Traceback}py4j.protocol.Py4JJavaError: An error occurred while calling o36.count.\n: {Stage}TaskResultLost (result lost from block manager)\nDriver stacktrace:\n",
        Stderr = "26/11/28 12:00:00 WARN BlockManager: Failed to fetch block after 1 fetch failures. Most recent failure cause:\njava.lang.OutOfMemoryError: Java heap space\n\tat java.base/x\n",
    }, $"{Stage}TaskResultLost (result lost from block manager) (java.lang.OutOfMemoryError: Java heap space)", FaultKind.TooLarge);

    [Fact]
    public void A_JVM_that_is_gone_is_told_by_its_own_log()
    {
        var stdout = $"{Traceback}ConnectionRefusedError: [Errno 111] Connection refused\n\nDuring handling of the above exception, another exception occurred:\n\n{Traceback}py4j.protocol.Py4JNetworkError: An error occurred while trying to connect to the Java server (127.0.0.1:40123)\n";

        Told(new SparkRemains { Stdout = stdout, Stderr = "Exception in thread \"main\" java.lang.OutOfMemoryError: GC overhead limit exceeded\n\tat x\n" }, "java.lang.OutOfMemoryError: GC overhead limit exceeded", FaultKind.TooLarge);
        Told(new SparkRemains { Stdout = stdout }, "py4j.protocol.Py4JNetworkError: An error occurred while trying to connect to the Java server (127.0.0.1:40123)", FaultKind.Unreachable);
        Told(new SparkRemains { Stdout = stdout, ExitCode = 137 }, "py4j.protocol.Py4JNetworkError", FaultKind.TooLarge);
    }

    [Fact]
    public void Where_the_words_of_the_JVM_were_cut_off_in_Python_its_own_log_is_told()
    {
        var stdout = $"{Traceback}py4j.protocol.Py4JJavaError: An error occurred while calling o42.collectToPython.";

        Told(new SparkRemains { Stdout = stdout, Stderr = "26/11/28 12:00:00 ERROR Executor: Exception in task 0.0 in stage 0.0 (TID 0)\njava.io.IOException: No space left on device\n\tat x\n" }, "java.io.IOException: No space left on device", FaultKind.StorageFull);
        Told(new SparkRemains { Stdout = stdout }, "py4j.protocol.Py4JJavaError: An error occurred while calling o42.collectToPython", FaultKind.Defect);
    }

    [Theory]
    [InlineData("26/11/28 12:00:00 ERROR ApplicationMaster: User class threw exception: org.apache.spark.sql.AnalysisException: [UNRESOLVED_COLUMN] no such column\n", "org.apache.spark.sql.AnalysisException: [UNRESOLVED_COLUMN] no such column", FaultKind.Invalid)]
    [InlineData("26/11/28 12:00:00 ERROR YarnClientSchedulerBackend: Yarn application has already exited with state FAILED!\n26/11/28 12:00:01 INFO X: bye\n", "YarnClientSchedulerBackend: Yarn application has already exited with state FAILED!", FaultKind.Defect)]
    [InlineData("26/11/28 12:00:00 WARN YarnSchedulerBackend: Container killed by YARN for exceeding physical memory limits. 5.5 GB of 5.5 GB physical memory used.\n", "ExecutorLostFailure: Container killed by YARN for exceeding physical memory limits. 5.5 GB of 5.5 GB physical memory used", FaultKind.TooLarge)]
    [InlineData("Exception in thread \"main\" org.apache.spark.SparkException: Application application_1_0002 finished with failed status\n\tat x\n", "org.apache.spark.SparkException: Application application_1_0002 finished with failed status", FaultKind.Defect)]
    [InlineData("java.lang.X: cut\n\tat org.apache.spark.Y(Y.scala:1)\nCaused by: java.io.IOException: No space left on device\n\t... 3 more\n", "java.io.IOException: No space left on device", FaultKind.StorageFull)]
    public void Where_Python_says_nothing_the_log_of_the_JVM_is_told(string stderr, string told, FaultKind kind) => Told(new SparkRemains { Stderr = stderr, ExitCode = 1 }, told, kind);

    [Theory]
    [InlineData(137, null, "the job was killed without a word, by SIGKILL (exit code 137)", FaultKind.TooLarge)]
    [InlineData(143, null, "the job was ended from outside without a word, by SIGTERM (exit code 143)", FaultKind.Unreachable)]
    [InlineData(52, null, "a JVM of the job has run out of memory and ended without a word (exit code 52)", FaultKind.TooLarge)]
    [InlineData(134, null, "a process of the job has crashed in native code without a word (exit code 134)", FaultKind.Defect)]
    [InlineData(1, null, "the job has ended without an answer and without a word (exit code 1)", FaultKind.Defect)]
    [InlineData(null, null, "the job has ended without an answer and without a word", FaultKind.Defect)]
    [InlineData(null, "Unknown Error. Command exiting with ret '137'", "the job was killed without a word, by SIGKILL (exit code 137)", FaultKind.TooLarge)]
    [InlineData(null, "Step was cancelled by the user", "the job was ended from outside without a word", FaultKind.Unreachable)]
    [InlineData(null, "The driver was OOMKilled", "the job has run out of memory and ended without a word", FaultKind.TooLarge)]
    public void A_job_without_a_word_is_told_as_such(int? exitCode, string? reason, string told, FaultKind kind) =>
        Told(new SparkRemains { Stdout = "READY\n", ExitCode = exitCode, Reason = reason, Stderr = "26/11/28 11:58:24 WARN NativeCodeLoader: Unable to load native-hadoop library\n" }, told, kind);

    [Theory]
    [InlineData("medallion_job: s3://lake/_jobs/d.json: Job document s3://lake/_jobs/d.json: its SHA-256 is 12ab, not 34cd. Ask for the document that was meant.", FaultKind.Defect)]
    [InlineData("medallion_job: gold/sales#3, step 2 of 4 (write): gold/sales#3, step 2 of 4 (write): Job 4 cancelled because SparkContext was shut down. Look into the log of the job.", FaultKind.Unreachable)]
    [InlineData("medallion_job.py: error: --execution is letters and digits", FaultKind.Defect)]
    public void What_the_program_itself_has_said_is_believed_first(string line, FaultKind kind)
    {
        var told = $"medallion_job: {line[(line.IndexOf(": ", StringComparison.Ordinal) + 2)..].Replace("error: ", "", StringComparison.Ordinal).TrimEnd('.')}";

        Told(new SparkRemains { Stderr = $"{line}\n26/11/28 12:00:00 INFO ShutdownHookManager: bye\n", Stdout = $"{Traceback}SystemExit: 1\n", ExitCode = 1 }, told, kind);
        Told(new SparkRemains { Stdout = $"usage: medallion_job.py\n{line}\n", ExitCode = 2 }, told, kind);
    }

    [Fact]
    public void The_last_exceptions_in_the_words_of_the_service_are_told_where_no_log_can_be_had() => Told(new SparkRemains
    {
        Reason = "Job failed, please check complete logs in configured logging destination. ExitCode: 1. Last few exceptions: Caused by: org.apache.spark.SparkArithmeticException: [DIVIDE_BY_ZERO] Division by zero...",
    }, "org.apache.spark.SparkArithmeticException: [DIVIDE_BY_ZERO] Division by zero", FaultKind.Invalid);

    [Fact]
    public void What_the_service_says_the_end_of_the_log_and_its_place_follow()
    {
        var stderr = string.Concat(Enumerable.Range(1, 400).Select(i => $"26/11/28 12:00:00 INFO X: line {i} {string.Concat(Enumerable.Repeat("x ", 2500))}\n"));

        var error = SparkFailure.Of("Run gold/sales#3", new SparkRemains { Stdout = $"{Traceback}KeyError: 'steps'\n", Stderr = stderr, ExitCode = 1, Reason = "Unknown Error.", LogPlace = "s3://logs/j-1/steps/s-1/stderr.gz" });

        var lines = error.Message.Split('\n');
        Assert.Equal(["Run gold/sales#3: KeyError: 'steps'", "The service says: Unknown Error (exit code 1)", "The end of its standard error:"], lines[..3]);
        Assert.StartsWith("  26/11/28 12:00:00 INFO X: line 400 x", lines[^2], StringComparison.Ordinal);
        Assert.Equal("Its log is at s3://logs/j-1/steps/s-1/stderr.gz. Look into the log of the job.", lines[^1]);
        Assert.InRange(error.Message.Length, 1000, 8000);
    }

    [Fact]
    public void A_message_without_an_end_is_cut_off() =>
        Assert.InRange(SparkFailure.Of("Run gold/sales#3", new SparkRemains { Stdout = $"{Traceback}ValueError: {string.Concat(Enumerable.Repeat("word ", 1 << 18))}\n" }).Message.Length, 1000, 2000);

    [Theory]
    [InlineData("Access Denied for https://lake.s3.amazonaws.com/a?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261128&X-Amz-Signature=5d3afbc0ffee&X-Amz-Security-Token=FwoGZXIvYXdzhidden", "5d3afbc0ffee", "hidden", "AKIAIOSFODNN7EXAMPLE")]
    [InlineData("cannot connect to jdbc:postgresql://reader:hunter2@db.internal/app", "hunter2", "reader:")]
    [InlineData("spark.hadoop.fs.s3a.secret.key=wJalrXUtnFEMI/K7MDENG spark.hadoop.fs.s3a.access.key=ASIAQWERTYUIOPASDFGH", "wJalr", "ASIAQ")]
    [InlineData("{\"password\" : \"hunter2\", 'token': 'tok-77'}", "hunter2", "tok-77")]
    [InlineData("Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.x.y", "eyJ")]
    [InlineData("started with --password hunter2 --verbose", "hunter2")]
    [InlineData("sessionToken IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJHMEUCIQDvabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcd", "IQoJ")]
    public void Secrets_are_told_nowhere(string text, params string[] secrets)
    {
        var error = SparkFailure.Of("Run gold/sales#3", new SparkRemains { Stdout = $"{Traceback}ValueError: {text}\n", Stderr = $"26/11/28 12:00:00 ERROR X: {text}\n", Reason = text, LogPlace = "s3://logs/a" });

        Assert.All(secrets, secret => Assert.DoesNotContain(secret, error.Message, StringComparison.Ordinal));
        Assert.StartsWith("Run gold/sales#3: ValueError: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_a_log_only_the_end_is_kept_from_a_whole_line_on()
    {
        var text = string.Concat(Enumerable.Range(0, 100_000).Select(i => $"line {i} äöü\r\n"));

        var tail = await LogTail.ReadAsync(new MemoryStream(Encoding.UTF8.GetBytes(text)), Cancel, bytesMax: 1000);
        var compressed = await LogTail.ReadAsync(new MemoryStream(Gzip(text)), Cancel, bytesMax: 1000);

        Assert.Equal(tail, compressed);
        Assert.InRange(Encoding.UTF8.GetByteCount(tail), 900, 1000);
        Assert.StartsWith("line ", tail, StringComparison.Ordinal);
        Assert.EndsWith("line 99999 äöü\r\n", tail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_a_compressed_log_that_was_half_written_is_read_what_is_there()
    {
        var random = new Random(7);
        var text = string.Concat(Enumerable.Range(0, 20_000).Select(i => $"line {i} {random.Next()}\n"));
        var whole = Gzip(text);
        foreach (var length in (int[])[0, 1, 2, 5, 17, whole.Length / 2, whole.Length - 9, whole.Length - 1])
        {
            var tail = await LogTail.ReadAsync(new MemoryStream(whole[..length]), Cancel);
            Assert.Contains(length > 17 ? tail.TrimEnd()[^40..] : "", text, StringComparison.Ordinal);
        }

        // Members behind each other are one file.
        Assert.Equal("one\ntwo\n", await LogTail.ReadAsync(new MemoryStream([.. Gzip("one\n"), .. Gzip("two\n")]), Cancel));
        var broken = (byte[])[.. whole];
        broken.AsSpan(whole.Length / 2, 100).Fill(0xff);
        Assert.NotEmpty(await LogTail.ReadAsync(new MemoryStream(broken), Cancel));
    }

    private static byte[] Gzip(string text)
    {
        var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest)) gzip.Write(Encoding.UTF8.GetBytes(text));
        return compressed.ToArray();
    }

    private static void Told(SparkRemains remains, string told, FaultKind kind)
    {
        var error = SparkFailure.Of("Run gold/sales#3", remains);
        Assert.StartsWith($"Run gold/sales#3: {told}", error.Message.Split('\n')[0], StringComparison.Ordinal);
        Assert.True(kind == error.Kind, $"{error.Kind}: {error.Message}");
    }
}
