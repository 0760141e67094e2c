# Compiles itself, then threads, virtual threads, channels, mapped files and a tree.
cd /tmp && cat >Main.java <<'END'
import java.net.*; import java.nio.*; import java.nio.channels.*; import java.nio.file.*; import java.util.*; import java.util.concurrent.*; import java.util.stream.*;
class Main {
    public static void main(String[] a) throws Exception {
        System.out.println(IntStream.range(0, 1_000_000).parallel().mapToLong(i -> i).sum());
        try (var e = Executors.newVirtualThreadPerTaskExecutor()) {
            var all = new ArrayList<Future<Integer>>();
            for (int i = 0; i < 1000; i++) { int n = i; all.add(e.submit(() -> { Thread.sleep(5); return n; })); }
            int sum = 0; for (var f : all) sum += f.get(); System.out.println(sum);
        }
        var dir = Files.createTempDirectory("x");
        for (int i = 0; i < 100; i++) Files.writeString(Files.createDirectories(dir.resolve("d" + i)).resolve("f"), "text " + i);
        try (var walk = Files.walk(dir)) { System.out.println(walk.filter(Files::isRegularFile).mapToLong(p -> p.toFile().length()).sum()); }
        try (var c = FileChannel.open(dir.resolve("m"), StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            var m = c.map(FileChannel.MapMode.READ_WRITE, 0, 4096); m.put(0, (byte) 42); m.force(); var b = ByteBuffer.allocate(1); c.read(b, 0); System.out.println(b.get(0));
            try (var l = c.lock()) { System.out.println(l.isValid()); }
        }
        try (var s = ServerSocketChannel.open().bind(new InetSocketAddress("127.0.0.1", 0)); var out = SocketChannel.open(s.getLocalAddress()); var in = s.accept()) {
            out.write(ByteBuffer.wrap("hello".getBytes())); var b = ByteBuffer.allocate(5); while (b.hasRemaining()) in.read(b); System.out.println(new String(b.array()));
        }
        var p = new ProcessBuilder("sh", "-c", "cat; exit 3").start(); p.getOutputStream().write("piped".getBytes()); p.getOutputStream().close();
        System.out.println(new String(p.getInputStream().readAllBytes()) + " " + p.waitFor());
        System.gc(); System.out.println("done");
    }
}
END
exec "$JAVA_HOME/bin/java" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData Main.java
