# Both journals, two writers, a backup and an integrity check.
cd /tmp
for mode in delete wal; do
	sqlite3 $mode.db "pragma journal_mode=$mode; create table t(a integer primary key, b text); begin; with recursive c(x) as (select 1 union all select x+1 from c where x < 5000) insert into t select x, printf('row %d', x) from c; commit; create index i on t(b);"
	for n in 1 2; do
		sqlite3 -cmd '.timeout 10000' $mode.db "begin immediate; update t set b = b || '-$n' where a % $((n + 1)) = 0; commit;" &
	done
	wait
	sqlite3 $mode.db "select count(*), sum(length(b)) from t; delete from t where a % 3 = 0; vacuum; pragma integrity_check; select max(a) from t;"
	sqlite3 $mode.db ".backup copy-$mode.db"
	sqlite3 copy-$mode.db "select count(*) from t"
done
ls
echo done
